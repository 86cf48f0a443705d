# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Model configs read off the sizes of weights, to check converted checkpoints and to tell users what to configure."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmluss.checkpoints.kinds import CheckpointKind, detect_checkpoint_kind

# Blocks of stages 1 to 4 -> depth of mmseg's ResNet.
_RESNET_DEPTHS = {
    (2, 2, 2, 2, False): 18,
    (3, 4, 6, 3, False): 34,
    (3, 4, 6, 3, True): 50,
    (3, 4, 23, 3, True): 101,
    (3, 8, 36, 3, True): 152,
}
_RESNET_WIDTH = 64
# Of all published heads that predict patches; weights do not tell it.
_PATCH_SIZE = 4
_CONVNEXT_KERNEL = 7


def fitting_model_config(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """Config of the model whose weights have these names and sizes.

    What weights do not tell (strides and dilations, preprocessing, number of attention heads when 64 channels each is
    wrong) is left at its default.

    Args:
        state_dict: Weights with our names; the ``backbone.`` part alone is enough.

    Returns:
        Config of ``PASSPretrainer``, ``PixelAttentionSegmentor``, ``LUSSSegmentor``, or of a backbone.

    Raises:
        ValueError: If the backbone is none that can be told from its weights.
    """
    backbone = _backbone_config(
        {n.removeprefix("backbone."): v for n, v in state_dict.items() if n.startswith("backbone.")}
    )
    kind = detect_checkpoint_kind(state_dict)
    if kind in (CheckpointKind.PRETRAINER, CheckpointKind.PIXEL_ATTENTION_SEGMENTOR):
        hidden, embedding = (len(state_dict.get(f"projector.layers.{i}.weight", ())) for i in (0, 3))
        prototypes = len(state_dict.get("prototypes.weight", ()))
        common = dict(
            backbone=backbone, hidden_channels=hidden, embedding_dim=embedding, num_prototypes=prototypes, queue=None
        )
        if kind is CheckpointKind.PIXEL_ATTENTION_SEGMENTOR:
            return dict(type="PixelAttentionSegmentor", **common)
        stages = _numbers(state_dict, r"shallow_projectors\.stage(\d+)\.")
        weights = [1.0] * (1 + len(stages))
        config = dict(type="PASSPretrainer", **common, shallow_stages=stages, loss_weights=weights)
        pixels = any(name.startswith("pixel_projector.") for name in state_dict)
        return config if pixels else dict(config, pixel_alignment=False)
    if kind is CheckpointKind.SEGMENTOR:
        if "decode_head.patch_conv.weight" in state_dict:
            rows, channels = state_dict["decode_head.patch_conv.weight"].shape[:2]
            head = dict(
                type="PixelShuffleHead",
                in_channels=channels,
                num_classes=rows // _PATCH_SIZE**2,
                patch_size=_PATCH_SIZE,
            )
        else:
            classes, channels = state_dict["decode_head.conv_seg.weight"].shape[:2]
            head = dict(type="LinearHead", in_channels=channels, num_classes=classes)
        return dict(type="LUSSSegmentor", backbone=backbone, decode_head=head)
    return backbone


def build_fitting_model(state_dict: Mapping[str, Tensor]) -> nn.Module:
    """The model of ``fitting_model_config``, without memory where possible; a lone backbone is under ``backbone``.

    Args:
        state_dict: As for ``fitting_model_config``.
    """
    config = fitting_model_config(state_dict)
    # mmpretrain's ConvNeXt reads numbers off tensors while it is built, which needs real ones.
    backbone = config.get("backbone", config)["type"]
    with torch.device("cpu" if backbone in ("mmpretrain.ConvNeXt", "RFConvNeXt") else "meta"):
        model = MODELS.build(config)
    if backbone == "RFConvNeXt":
        convnext = getattr(model, "backbone", model)
        for name, convolution in convnext.convolutions().items():
            size = state_dict[f"backbone.{name}.weight"].shape[2:]
            if size != convolution.weight.shape[2:]:
                convolution.resize_kernel(tuple(size))
    return model if hasattr(model, "backbone") else nn.ModuleDict({"backbone": model})


def _backbone_config(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    if "layer1.0.conv1.weight" in weights:
        return _resnet_config(weights)
    if "timm_model.conv_stem.weight" in weights:
        return dict(type="mmpretrain.TIMMBackbone", model_name="tf_efficientnet_lite0", features_only=True)
    if "patch_embed.projection.weight" in weights:
        return _vision_transformer_config(weights)
    if "downsample_layers.0.0.weight" in weights:
        return _convnext_config(weights)
    raise ValueError("holds a backbone that is neither a ResNet, nor a vision transformer, nor a ConvNeXt")


def _resnet_config(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    blocks = tuple(len(_numbers(weights, rf"layer{stage}\.(\d+)\.")) for stage in range(1, 5))
    bottleneck = "layer1.0.conv3.weight" in weights
    layout = (*blocks, bottleneck)
    if layout not in _RESNET_DEPTHS:
        raise ValueError(f"holds a ResNet with {blocks} blocks in its stages, which is no known depth")
    widths = dict(stem_channels=len(weights["conv1.weight"]), base_channels=len(weights["layer1.0.conv1.weight"]))
    return dict(
        type="ResNet",
        depth=_RESNET_DEPTHS[layout],
        zero_init_residual=False,
        **{name: width for name, width in widths.items() if width != _RESNET_WIDTH},
    )


def _vision_transformer_config(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    channels, _, patch, _ = weights["patch_embed.projection.weight"].shape
    class_token = "cls_token" in weights
    positions = weights["pos_embed"].shape[1] - class_token if "pos_embed" in weights else 196
    return dict(
        type="mmpretrain.VisionTransformer",
        arch=dict(
            embed_dims=channels,
            num_layers=len(_numbers(weights, r"layers\.(\d+)\.")),
            num_heads=max(1, channels // 64),
            feedforward_channels=len(weights.get("layers.0.ffn.layers.0.0.weight", ())),
        ),
        img_size=round(positions**0.5) * patch,
        patch_size=patch,
        out_type="featmap",
        with_cls_token=class_token,
        final_norm="ln1.weight" in weights,
        pre_norm="pre_norm.weight" in weights,
        qkv_bias="layers.0.attn.qkv.bias" in weights,
        layer_scale_init_value=1e-5 if "layers.0.attn.gamma1.weight" in weights else 0.0,
    )


def _convnext_config(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    stages = _numbers(weights, r"stages\.(\d+)\.")
    searched = dict(type="RFConvNeXt", mode=_rf_mode(weights)) if "stages.0.0.depthwise_conv.rates" in weights else {}
    return (
        dict(
            type="mmpretrain.ConvNeXt",
            arch=dict(
                depths=[len(_numbers(weights, rf"stages\.{stage}\.(\d+)\.")) for stage in stages],
                channels=[weights[f"stages.{stage}.0.norm.weight"].shape[0] for stage in stages],
            ),
            out_indices=_numbers(weights, r"norm(\d+)\.") or [stages[-1]],
            gap_before_final_norm=False,
            layer_scale_init_value=1e-6 if "stages.0.0.gamma" in weights else 0.0,
        )
        | searched
    )


def _rf_mode(weights: Mapping[str, Tensor]) -> str:
    """Mode of an ``RFConvNeXt``; a search and what follows it are alike, and either holds the other's weights."""
    kernels = {value.shape[2] for name, value in weights.items() if name.endswith(".depthwise_conv.weight")}
    if kernels != {_CONVNEXT_KERNEL}:
        return "merge"
    counts = [value for name, value in weights.items() if name.endswith(".depthwise_conv.num_rates")]
    single = not any(count.is_meta or int(count) > 1 for count in counts)
    return "single" if single else "multiple"


def _numbers(weights: Mapping[str, Tensor], pattern: str) -> list[int]:
    """The distinct numbers of a pattern's group, in the order in which they come up."""
    matches = (re.match(pattern, name) for name in weights)
    return list(dict.fromkeys(int(match.group(1)) for match in matches if match))
