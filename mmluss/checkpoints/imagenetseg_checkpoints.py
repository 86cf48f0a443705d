# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Published semi-supervised checkpoints (ResNet, ViT, ConvNeXt) and pretrained ViTs (MAE, SERE) to ours."""

import re
from collections.abc import Mapping

from torch import Tensor

from mmluss.checkpoints.kinds import CheckpointKind, detect_checkpoint_kind

IMAGENETSEG_KINDS = (
    CheckpointKind.SEMI_RESNET,
    CheckpointKind.VIT,
    CheckpointKind.CONVNEXT,
    CheckpointKind.CONVNEXT_TIMM,
)
# A matrix with so many rows is the segmentation head written as a linear layer: 50, 300 or 919 categories and "other".
_SEGMENTATION_ROWS = (51, 301, 920)
# Self-supervised checkpoints keep their encoder under one of these.
_ENCODER_PREFIXES = ("", "backbone.", "base_encoder.")
_FIRST_LAYERS = ("patch_embed.proj.weight", "downsample_layers.0.0.weight")
# Parts of pretraining and image classification that no segmentation model has, and how far a search had come.
_LEFT_OUT = re.compile(
    r"(decoder_|decoder\.|mask_token|masked_embed|head\.|fc\.|predictor\.|momentum_encoder\.)"
    r"|.*\.conv_dw\.(counter|current_search_step)$"
)

_VIT_MODULES = (
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"norm_pre\.", "pre_norm."),
    (r"(?:norm|fc_norm)\.", "ln1."),
    (r"blocks\.(\d+)\.norm([12])\.", r"layers.\1.ln\2."),
    (r"blocks\.(\d+)\.attn\.", r"layers.\1.attn."),
    (r"blocks\.(\d+)\.ls1\.gamma", r"layers.\1.attn.gamma1.weight"),
    (r"blocks\.(\d+)\.ls2\.gamma", r"layers.\1.ffn.gamma2.weight"),
    (r"blocks\.(\d+)\.mlp\.fc1\.", r"layers.\1.ffn.layers.0.0."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"layers.\1.ffn.layers.1."),
)
_CONVNEXT_MODULES = (
    (r"stages\.(\d+)\.(\d+)\.dwconv\.", r"stages.\1.\2.depthwise_conv."),
    (r"stages\.(\d+)\.(\d+)\.pwconv([12])\.", r"stages.\1.\2.pointwise_conv\3."),
    (r"norm\.", "norm3."),
)
_CONVNEXT_TIMM_MODULES = (
    (r"stem\.", "downsample_layers.0."),
    (r"stages\.(\d+)\.downsample\.", r"downsample_layers.\1."),
    (r"stages\.(\d+)\.blocks\.(\d+)\.conv_dw\.sample_weights", r"stages.\1.\2.depthwise_conv.branch_weights"),
    (r"stages\.(\d+)\.blocks\.(\d+)\.conv_dw\.", r"stages.\1.\2.depthwise_conv."),
    (r"stages\.(\d+)\.blocks\.(\d+)\.mlp\.fc([12])\.", r"stages.\1.\2.pointwise_conv\3."),
    (r"stages\.(\d+)\.blocks\.(\d+)\.", r"stages.\1.\2."),
    (r"(?:seg_)?norm\.", "norm3."),
)
_MODULES = {
    CheckpointKind.SEMI_RESNET: (),
    CheckpointKind.VIT: _VIT_MODULES,
    CheckpointKind.CONVNEXT: _CONVNEXT_MODULES,
    CheckpointKind.CONVNEXT_TIMM: _CONVNEXT_TIMM_MODULES,
}


def has_segmentation_head(weights: Mapping[str, Tensor]) -> bool:
    """Whether weights hold a ``seg_head``, or a 1x1 convolution or a matrix of the benchmark's classes as ``head``."""
    if "seg_head.fc.weight" in weights:
        return True
    head = weights.get("head.weight")
    return head is not None and (head.ndim == 4 or len(head) in _SEGMENTATION_ROWS)


def imagenetseg_to_mmluss(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of a published semi-supervised or self-supervised checkpoint.

    Args:
        weights: Weights without ``module.``, see ``checkpoint_weights``.

    Returns:
        The same tensors under the names of ``LUSSSegmentor`` with mmseg's ``ResNet`` or mmpretrain's
        ``VisionTransformer`` or ``ConvNeXt``, or ``RFConvNeXt``; without a segmentation head the ``backbone.`` part
        alone. ``left_out_names`` lists what is not among them.

    Raises:
        ValueError: If it is another kind of checkpoint.
    """
    kind = detect_checkpoint_kind(weights)
    if kind not in IMAGENETSEG_KINDS:
        raise ValueError(f"is a {kind.value}; one of {', '.join(k.value for k in IMAGENETSEG_KINDS)} is expected")
    prefix = _encoder_prefix(weights)
    left_out = set(left_out_names(weights))
    renamed = {}
    for name, value in weights.items():
        if name in left_out:
            continue
        if name.startswith("seg_head.fc."):
            renamed[name.replace("seg_head.fc.", "decode_head.patch_conv.")] = value
        elif name.startswith("head."):
            matrix = name == "head.weight" and value.ndim == 2
            renamed[name.replace("head.", "decode_head.conv_seg.")] = value[:, :, None, None] if matrix else value
        else:
            renamed[f"backbone.{_rename(name.removeprefix(prefix), kind)}"] = value
    return renamed


def left_out_names(weights: Mapping[str, Tensor]) -> list[str]:
    """Names that ``imagenetseg_to_mmluss`` drops: decoders, projections and classifiers of pretraining."""
    prefix = _encoder_prefix(weights)
    segmentation = has_segmentation_head(weights)
    replaced_norm = f"{prefix}fc_norm.weight" in weights
    return [
        name
        for name in weights
        if not name.startswith(prefix)
        or (replaced_norm and name.startswith(f"{prefix}norm."))
        or (_LEFT_OUT.match(name.removeprefix(prefix)) and not (segmentation and name.startswith("head.")))
    ]


def _encoder_prefix(weights: Mapping[str, Tensor]) -> str:
    found = (p for p in _ENCODER_PREFIXES for first in _FIRST_LAYERS if f"{p}{first}" in weights)
    return next(found, "")


def _rename(name: str, kind: CheckpointKind) -> str:
    for pattern, target in _MODULES[kind]:
        renamed, found = re.subn(f"^{pattern}", target, name)
        if found:
            return renamed
    return name
