# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Which kind of checkpoint a file is, told from the names of its weights."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from torch import Tensor, nn

from mmluss.utils.listings import shorten

_CONTAINERS = ("state_dict", "model", "teacher")
_OPTIONAL_NAMES = ("queue.embeddings",)
_SIZED_WHILE_RUNNING = ("queue.embeddings", "decode_head.centroids")
_RESNET = ("conv1.weight", "layer1.0.conv1.weight")


class CheckpointKind(Enum):
    """Kinds of checkpoints, published ones and ours; the value names the kind in messages."""

    PASS_PRETRAIN = "published PASS pretraining checkpoint"
    PASS_PIXEL_ATTENTION = "published PASS pixel-attention checkpoint"
    PASS_FINETUNE = "published PASS fine-tuned checkpoint"
    SEMI_RESNET = "published semi-supervised ResNet checkpoint"
    VIT = "vision transformer checkpoint with timm's names"
    CONVNEXT = "ConvNeXt checkpoint with the original names"
    CONVNEXT_TIMM = "ConvNeXt checkpoint with timm's names"
    RESNET = "bare ResNet"
    EFFICIENTNET_LITE0 = "published EfficientNet-Lite0"
    PRETRAINER = "checkpoint of PASSPretrainer"
    PIXEL_ATTENTION_SEGMENTOR = "checkpoint of PixelAttentionSegmentor"
    SEGMENTOR = "segmentor checkpoint with a linear head"
    UNKNOWN = "checkpoint of another model"


# The first signature that fits wins. A mark that ends in a dot is a prefix.
_SIGNATURES: tuple[tuple[CheckpointKind, tuple[str, ...]], ...] = (
    (CheckpointKind.PASS_PIXEL_ATTENTION, (*_RESNET, "fbg.threshold")),
    # SwAV has a projection head, too, but no norm at its end.
    (CheckpointKind.PASS_PRETRAIN, (*_RESNET, "projection_head.4.running_mean")),
    (CheckpointKind.PASS_FINETUNE, (*_RESNET, "last_layer.weight")),
    (CheckpointKind.PIXEL_ATTENTION_SEGMENTOR, ("backbone.", "decode_head.offset")),
    (CheckpointKind.PRETRAINER, ("backbone.", "projector.", "pixel_projector.")),
    (CheckpointKind.PRETRAINER, ("backbone.", "projector.", "prototypes.weight")),
    (CheckpointKind.SEGMENTOR, ("backbone.", "decode_head.conv_seg.weight")),
    (CheckpointKind.SEGMENTOR, ("backbone.", "decode_head.patch_conv.weight")),
    (CheckpointKind.CONVNEXT, ("downsample_layers.0.0.weight", "stages.0.0.dwconv.weight")),
    (CheckpointKind.CONVNEXT, ("backbone.downsample_layers.0.0.weight", "backbone.stages.0.0.dwconv.weight")),
    (CheckpointKind.CONVNEXT_TIMM, ("stem.0.weight", "stages.0.blocks.0.conv_dw.weight")),
    (CheckpointKind.VIT, ("patch_embed.proj.weight", "blocks.0.attn.qkv.weight")),
    (CheckpointKind.VIT, ("backbone.patch_embed.proj.weight", "backbone.blocks.0.attn.qkv.weight")),
    (CheckpointKind.VIT, ("base_encoder.patch_embed.proj.weight", "base_encoder.blocks.0.attn.qkv.weight")),
    (CheckpointKind.SEMI_RESNET, (*_RESNET, "head.weight")),
    (CheckpointKind.RESNET, _RESNET),
    (CheckpointKind.EFFICIENTNET_LITE0, ("_conv_stem.weight", "_blocks.0._depthwise_conv.weight")),
)
# Heads that are convolutions; a matrix of the same name classifies images.
_CONVOLUTIONS = {CheckpointKind.PASS_FINETUNE: "last_layer.weight", CheckpointKind.SEMI_RESNET: "head.weight"}


def checkpoint_weights(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights inside of a checkpoint, without the ``module.`` of distributed training.

    Args:
        checkpoint: What ``torch.load`` gave: weights, or a dict that holds them as ``state_dict``, ``model`` or
            ``teacher``.

    Raises:
        ValueError: If there are no weights.
    """
    found = next((checkpoint[key] for key in _CONTAINERS if isinstance(checkpoint.get(key), Mapping)), checkpoint)
    weights = {
        name.removeprefix("module."): value
        for name, value in found.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not weights:
        raise ValueError(f"no weights found; its entries are: {shorten([str(name) for name in found])}")
    return weights


def detect_checkpoint_kind(state_dict: Mapping[str, Tensor]) -> CheckpointKind:
    """Kind of checkpoint that weights belong to.

    Args:
        state_dict: Weights as ``checkpoint_weights`` gives them.
    """
    for kind, marks in _SIGNATURES:
        if all(_has(state_dict, mark) for mark in marks):
            head = _CONVOLUTIONS.get(kind)
            if head is None or state_dict[head].ndim == 4:
                return kind
    return CheckpointKind.UNKNOWN


def check_state_dict(state_dict: Mapping[str, Tensor], model: nn.Module, source: str) -> None:
    """Refuse weights that do not fit a model completely.

    A queue may be absent (it starts empty), and queue and centroids may have any number of rows.

    Args:
        state_dict: Weights with our names.
        model: The model they are meant for; it may live on the meta device.
        source: Where the weights come from, for the message.

    Raises:
        ValueError: If the weights are of another kind, or names are missing, unexpected or of another shape; the
            message lists them.
    """
    own = model.state_dict()
    unexpected = [name for name in state_dict if name not in own and name not in _OPTIONAL_NAMES]
    _refuse(state_dict, own, source, unexpected)


def check_covers(state_dict: Mapping[str, Tensor], model: nn.Module, source: str) -> None:
    """Refuse weights that leave a part of a model without; they may hold more than it takes.

    Args:
        state_dict: As for ``check_state_dict``; names of a distributed model (``module.``) are as good.
        model: As for ``check_state_dict``.
        source: As for ``check_state_dict``.

    Raises:
        ValueError: If names are missing or of another shape; the message lists them.
    """
    names = {name.removeprefix("module."): value for name, value in state_dict.items()}
    _refuse(names, model.state_dict(), source, unexpected=[])


def _refuse(state_dict: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str, unexpected: list[str]) -> None:
    differences = {
        "missing": [name for name in own if name not in state_dict and name not in _OPTIONAL_NAMES],
        "unexpected": unexpected,
        "of another shape": [
            f"{name} {tuple(state_dict[name].shape)} instead of {tuple(value.shape)}"
            for name, value in own.items()
            if name in state_dict and name not in _SIZED_WHILE_RUNNING and state_dict[name].shape != value.shape
        ],
    }
    if not any(differences.values()):
        return
    kind, expected = detect_checkpoint_kind(state_dict), detect_checkpoint_kind(own)
    reason = f"is a {kind.value}; a {expected.value} is expected" if kind is not expected else "does not fit the model"
    listed = "; ".join(f"{what}: {shorten(names)}" for what, names in differences.items() if names)
    raise ValueError(f"{source} {reason}. {listed[0].upper()}{listed[1:]}.")


def _has(state_dict: Mapping[str, Tensor], mark: str) -> bool:
    return any(name.startswith(mark) for name in state_dict) if mark.endswith(".") else mark in state_dict
