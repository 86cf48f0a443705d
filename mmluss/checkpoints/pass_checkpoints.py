# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Published PASS checkpoints (pretraining, pixel attention, fine-tuned) to ours and back."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from mmluss.checkpoints.kinds import CheckpointKind, detect_checkpoint_kind
from mmluss.utils.listings import shorten

PASS_KINDS = (CheckpointKind.PASS_PRETRAIN, CheckpointKind.PASS_PIXEL_ATTENTION, CheckpointKind.PASS_FINETUNE)
_OUR_KINDS = (CheckpointKind.PRETRAINER, CheckpointKind.PIXEL_ATTENTION_SEGMENTOR, CheckpointKind.SEGMENTOR)

# (published, ours); `#` stands for the number of a stage.
_MODULES = (
    ("projection_head.", "projector.layers."),
    ("projection_head_shallow.projection_head_shallow#.", "shallow_projectors.stage#.image.layers."),
    ("projection_head_pixel_shallow.projection_head_pixel#.", "shallow_projectors.stage#.pixel.layers."),
    ("projection_head_pixel.", "pixel_projector.layers."),
    ("predictor_head_pixel.", "pixel_predictor.layers."),
    ("prototypes.", "prototypes."),
    ("fbg.atten.", "decode_head.layers."),
    ("fbg.threshold", "decode_head.offset"),
    ("last_layer.", "decode_head.conv_seg."),
)
_RESNET_MODULE = re.compile(r"(conv1|bn1|layer[1-4])\.")
# What the published format keeps outside of a checkpoint, or not at all.
_OURS_ONLY = ("queue.embeddings", "decode_head.centroids", "decode_head.threshold")


def pass_to_mmluss(
    weights: Mapping[str, Tensor], centroids: Tensor | None = None, threshold: float | None = None
) -> dict[str, Tensor]:
    """Rename the weights of a published PASS checkpoint.

    Args:
        weights: Weights without ``module.``, see ``checkpoint_weights``.
        centroids: ``(K, C)`` for a pixel-attention checkpoint, which makes it a segmentation model.
        threshold: Foreground threshold in [0, 1]; goes with the centroids.

    Returns:
        The same tensors in the same order under the names of ``PASSPretrainer``, ``PixelAttentionSegmentor`` or
        ``LUSSSegmentor``. Unknown names become part of the backbone, where ``check_state_dict`` finds them.

    Raises:
        ValueError: If it is another kind of checkpoint, or centroids come without a threshold, do not fit or are not
            finite.
    """
    kind = detect_checkpoint_kind(weights)
    if kind not in PASS_KINDS:
        raise ValueError(f"is a {kind.value}; a published PASS checkpoint is expected")
    renamed = {_rename(name, published=True) or f"backbone.{name}": value for name, value in weights.items()}
    if kind is CheckpointKind.PASS_PIXEL_ATTENTION:
        renamed |= _segmentation_buffers(weights["fbg.threshold"].shape[1], centroids, threshold)
    elif centroids is not None:
        raise ValueError(f"is a {kind.value}; centroids belong to a {CheckpointKind.PASS_PIXEL_ATTENTION.value}")
    return renamed


def mmluss_to_pass(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename our weights as the published code names them; the inverse of ``pass_to_mmluss``.

    Args:
        weights: Weights of a ``PASSPretrainer``, a ``PixelAttentionSegmentor`` or a ``LUSSSegmentor`` with a ResNet.

    Returns:
        The same tensors in the same order, without ``module.``. The queue, the centroids and their threshold have no
        place in the published format and are left out.

    Raises:
        ValueError: If it is another kind of checkpoint, or holds weights that the published code has no name for.
    """
    kind = detect_checkpoint_kind(weights)
    if kind not in _OUR_KINDS:
        raise ValueError(f"is a {kind.value}; one of {', '.join(ours.value for ours in _OUR_KINDS)} is expected")
    renamed = {name: _rename(name, published=False) for name in weights if name not in _OURS_ONLY}
    unknown = [name for name, published in renamed.items() if published is None]
    if unknown:
        raise ValueError(
            "holds weights that the published code has no place for (it knows ResNets with a 7x7 stem only): "
            f"{shorten(unknown)}"
        )
    return {published: weights[name] for name, published in renamed.items() if published is not None}


def _rename(name: str, published: bool) -> str | None:
    if published and _RESNET_MODULE.match(name):
        return f"backbone.{name}"
    if not published and name.startswith("backbone."):
        bare = name.removeprefix("backbone.")
        return bare if _RESNET_MODULE.match(bare) else None
    for pair in _MODULES:
        source, target = pair if published else reversed(pair)
        match = re.match(re.escape(source).replace(r"\#", r"(\d+)"), name)
        if match:
            return target.replace("#", match.group(1) if match.groups() else "") + name[match.end() :]
    return None


def _segmentation_buffers(channels: int, centroids: Tensor | None, threshold: float | None) -> dict[str, Tensor]:
    if centroids is None:
        centroids, threshold = torch.zeros(0, channels), float("nan")
    elif threshold is None:
        raise ValueError("centroids need a foreground threshold (the authors chose 0.41, 0.40, 0.37 for 50, 300, 919)")
    if centroids.ndim != 2 or centroids.shape[1] != channels:
        raise ValueError(f"centroids must be (K, {channels}) for this backbone, got {tuple(centroids.shape)}")
    if not torch.isfinite(centroids).all():
        raise ValueError("centroids hold NaN or infinity")
    return {"decode_head.centroids": centroids.float(), "decode_head.threshold": torch.tensor(float(threshold))}
