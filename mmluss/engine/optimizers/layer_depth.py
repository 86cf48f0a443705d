# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""How deep in a backbone a parameter sits, for learning rates that decay towards the input."""

import re
from collections.abc import Iterable
from typing import Any

# mmseg's and timm's ResNets ("layer1.0.") and timm's EfficientNets ("blocks.1.0.").
_RESIDUAL_BLOCK = re.compile(r"(?:^|\.)(layer\d+|blocks\.\d+)\.(\d+)\.")

# mmpretrain's ConvNeXts.
_CONVNEXT_BLOCK = re.compile(r"stages\.(\d+)\.(\d+)\.")
_CONVNEXT_DOWNSAMPLING = re.compile(r"downsample_layers\.(\d+)\.")


def residual_block_depths(names: Iterable[str]) -> dict[str, int]:
    """Depth of each parameter of a network of residual blocks.

    Args:
        names: Names of all its parameters, in order.

    Returns:
        Name -> 0 for what comes before the blocks, 1, 2, ... for the blocks in order, one more than the last block's
        for what comes after.
    """
    depths: dict[str, int] = {}
    blocks: dict[tuple[str | Any, ...], int] = {}
    for name in names:
        match = _RESIDUAL_BLOCK.search(name)
        if match:
            depths[name] = blocks.setdefault(match.groups(), len(blocks) + 1)
        else:
            depths[name] = len(blocks) + 1 if blocks else 0
    return depths


def convnext_depths(names: Iterable[str]) -> tuple[dict[str, int], int]:
    """Depth of each parameter of mmpretrain's ConvNeXt: one a block, and one a downsampling in front of a stage.

    Args:
        names: Names of all its parameters.

    Returns:
        Name -> 0 for the stem, 1, 2, ... in order of computation, the head's depth for the final norm; and the head's.
    """
    names = list(names)
    steps = {tuple(map(int, match.groups())) for name in names if (match := _CONVNEXT_BLOCK.match(name))}
    # The downsampling in front of a stage comes before its block 0; the stem is the first stage's.
    order = sorted(steps | {(stage, -1) for stage, _ in steps})
    depths, head = {step: depth for depth, step in enumerate(order)}, len(order)
    found = {}
    for name in names:
        block, downsampling = _CONVNEXT_BLOCK.match(name), _CONVNEXT_DOWNSAMPLING.match(name)
        if block:
            found[name] = depths[int(block[1]), int(block[2])]
        else:
            found[name] = depths[int(downsampling[1]), -1] if downsampling else head
    return found, head


def layer_depths(backbone: Any) -> tuple[dict[str, int], int]:
    """Depth of each parameter of a backbone, and the depth of what follows the backbone.

    ConvNeXts are treated by ``convnext_depths``, as mmpretrain groups their blocks. Other backbones that know their
    depths (mmpretrain's ``get_layer_depth``: a block each for vision transformers and Swin) are asked; all others are
    taken for networks of residual blocks.

    Args:
        backbone: Any backbone.

    Returns:
        Name -> depth from 0, and the head's depth.

    Raises:
        ValueError: If the backbone neither knows its depths nor has blocks that can be told from their names.
    """
    names = [name for name, _ in backbone.named_parameters()]
    if any(_CONVNEXT_DOWNSAMPLING.match(name) for name in names):
        return convnext_depths(names)
    if hasattr(backbone, "get_layer_depth"):
        depths = {name: backbone.get_layer_depth(name) for name in names}
        return {name: depth for name, (depth, _) in depths.items()}, next(iter(depths.values()))[1] - 1
    depths = residual_block_depths(names)
    if not any(_RESIDUAL_BLOCK.search(name) for name in names):
        raise ValueError(
            f"{type(backbone).__name__} has no get_layer_depth() and no blocks called layerS.B or blocks.S.B, so its "
            "learning rates cannot decay by layer: leave out optim_wrapper.constructor."
        )
    return depths, max(depth for name, depth in depths.items() if _RESIDUAL_BLOCK.search(name)) + 1
