# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmseg.registry import MODELS
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from mmluss.checkpoints.imagenetseg_checkpoints import (
    has_segmentation_head,
    imagenetseg_to_mmluss,
    left_out_names,
)
from mmluss.checkpoints.kinds import check_state_dict
from mmluss.models import LUSSSegmentor

from .published_networks import DEEP, RESNET, ConvNeXt, FineTuned, SemiSupervised, randomize

CLASSES = 11
STRIDE_16 = dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True)
TINY_VIT = dict(
    type="mmpretrain.VisionTransformer",
    arch=dict(embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=128),
    img_size=64,
    patch_size=16,
    out_type="featmap",
)
TINY_CONVNEXT = dict(
    type="mmpretrain.ConvNeXt",
    arch=dict(depths=[1, 1, 2, 1], channels=[8, 12, 16, 24]),
    gap_before_final_norm=False,
)


def vision_transformer(**changes) -> VisionTransformer:
    settings = dict(img_size=64, patch_size=16, embed_dim=32, depth=3, num_heads=4, num_classes=0) | changes
    network = VisionTransformer(**settings).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network


def vit_map(network: VisionTransformer, images: torch.Tensor) -> torch.Tensor:
    tokens = network.forward_features(images)[:, network.num_prefix_tokens :]
    side = images.shape[-1] // 16
    return network.fc_norm(tokens).transpose(1, 2).unflatten(2, (side, side))


def segmentor(backbone: dict, channels: int, classes: int = CLASSES) -> LUSSSegmentor:
    head = dict(type="LinearHead", in_channels=channels, num_classes=classes)
    return LUSSSegmentor(backbone=backbone, decode_head=head).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64)


@pytest.mark.parametrize("changes", [{}, STRIDE_16], ids=["stride_32", "stride_16"])
def test_resnet(changes, images):
    published = randomize(SemiSupervised(CLASSES))
    weights = imagenetseg_to_mmluss(published.state_dict())
    model = segmentor(dict(RESNET, **changes), DEEP)
    check_state_dict(weights, model, "published.pth")
    model.load_state_dict(weights)
    if not changes:
        with torch.no_grad():
            logits = model.decode_head(model.extract_feat(images))
            torch.testing.assert_close(logits, published.head(published.maps(images)[-1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ({}, {}),
        (dict(fc_norm=True, global_pool="avg"), {}),
        (dict(class_token=False, global_pool="avg", fc_norm=False), dict(with_cls_token=False)),
        (dict(init_values=0.1), dict(layer_scale_init_value=0.1)),
        (dict(qkv_bias=False), dict(qkv_bias=False)),
    ],
    ids=["plain", "pooled_norm", "no_class_token", "layer_scale", "no_qkv_bias"],
)
def test_vision_transformer(published, ours, images):
    network = vision_transformer(**published)
    weights = imagenetseg_to_mmluss(network.state_dict())
    model = nn.ModuleDict(dict(backbone=MODELS.build(TINY_VIT | ours))).eval()
    check_state_dict(weights, model, "published.pth")
    model.load_state_dict(weights)
    with torch.no_grad():
        (feature_map,) = model["backbone"](images)
        torch.testing.assert_close(feature_map, vit_map(network, images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("as_matrix", [False, True])
def test_vision_transformer_with_a_segmentation_head(as_matrix, images):
    network, head = vision_transformer(), nn.Conv2d(32, 51, 1)
    weights = network.state_dict() | {f"head.{name}": value for name, value in head.state_dict().items()}
    if as_matrix:
        weights["head.weight"] = weights["head.weight"].flatten(1)
    assert has_segmentation_head(weights)
    model = segmentor(TINY_VIT, 32, 51)
    converted = imagenetseg_to_mmluss(weights)
    check_state_dict(converted, model, "published.pth")
    model.load_state_dict(converted)
    with torch.no_grad():
        logits = model.decode_head(model.extract_feat(images))
        torch.testing.assert_close(logits, head(vit_map(network, images)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prefix", ["", "backbone.", "base_encoder."])
def test_parts_of_pretraining_are_left_out(prefix):
    network = vision_transformer()
    extra = {
        "": ["mask_token", "decoder_embed.weight", "decoder_blocks.0.attn.qkv.weight", "head.weight"],
        "backbone.": ["backbone.masked_embed", "head.mlp.0.weight", "head.last_layer.weight_g"],
        "base_encoder.": ["base_encoder.head.0.weight", "momentum_encoder.cls_token", "predictor.0.weight"],
    }[prefix]
    weights = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
    weights |= {name: torch.zeros(1000, 32) for name in extra}
    assert left_out_names(weights) == extra
    model = nn.ModuleDict(dict(backbone=MODELS.build(TINY_VIT)))
    check_state_dict(imagenetseg_to_mmluss(weights), model, "published.pth")


def test_position_embeddings_of_another_size_are_resized():
    model = nn.ModuleDict(dict(backbone=MODELS.build(dict(TINY_VIT, img_size=96))))
    model.load_state_dict(imagenetseg_to_mmluss(vision_transformer().state_dict()))
    assert model["backbone"].pos_embed.shape == (1, 37, 32)


def test_convnext(images):
    published = ConvNeXt(classes=CLASSES).eval()
    weights = imagenetseg_to_mmluss(published.state_dict())
    model = segmentor(TINY_CONVNEXT, 24)
    check_state_dict(weights, model, "published.pth")
    model.load_state_dict(weights)
    with torch.no_grad():
        logits = model.decode_head(model.extract_feat(images))
        torch.testing.assert_close(logits, published.head(published.features(images)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [({"head.weight": torch.zeros(1000, 8)}, False), ({"head.weight": torch.zeros(920, 8)}, True), ({}, False)],
)
def test_classifier_is_no_segmentation_head(weights, expected):
    assert has_segmentation_head(weights) is expected


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match="is a published PASS fine-tuned checkpoint; one of published semi-supervised"):
        imagenetseg_to_mmluss(FineTuned().state_dict())
