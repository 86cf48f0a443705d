# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmluss.checkpoints.fitting_models import build_fitting_model, fitting_model_config
from mmluss.checkpoints.kinds import check_state_dict

TINY = dict(type="ResNet", base_channels=8, stem_channels=8, zero_init_residual=False)
SIZES = dict(hidden_channels=12, embedding_dim=6, num_prototypes=10, queue=None)


def resnet(depth: int) -> dict:
    return dict(TINY, depth=depth)


@pytest.mark.parametrize(
    "config",
    [
        dict(type="PASSPretrainer", backbone=resnet(18), **SIZES, shallow_stages=[3], loss_weights=[1.0, 1.0]),
        dict(type="PASSPretrainer", backbone=resnet(50), **SIZES, shallow_stages=[3, 2], loss_weights=[1.0] * 3),
        dict(type="PixelAttentionSegmentor", backbone=resnet(34), **SIZES),
        dict(
            type="LUSSSegmentor",
            backbone=resnet(101),
            decode_head=dict(type="LinearHead", in_channels=256, num_classes=7),
        ),
    ],
    ids=lambda config: config["type"],
)
def test_config_is_read_off_the_weights(config):
    weights = MODELS.build(config).state_dict()
    assert fitting_model_config(weights) == config
    model = build_fitting_model(weights)
    assert all(value.is_meta for value in model.state_dict().values())
    check_state_dict(weights, model, "x.pth")


@pytest.mark.parametrize(
    "config",
    [
        resnet(18),
        dict(
            type="mmpretrain.VisionTransformer",
            arch=dict(embed_dims=64, num_layers=2, num_heads=1, feedforward_channels=32),
            img_size=70,
            patch_size=14,
            out_type="featmap",
            with_cls_token=True,
            final_norm=True,
            pre_norm=False,
            qkv_bias=True,
            layer_scale_init_value=1e-5,
        ),
        dict(
            type="mmpretrain.ConvNeXt",
            arch=dict(depths=[1, 1, 2, 1], channels=[8, 12, 16, 24]),
            out_indices=[1, 3],
            gap_before_final_norm=False,
            layer_scale_init_value=1e-6,
        ),
    ],
    ids=lambda config: config["type"],
)
def test_lone_backbone(config):
    weights = nn.ModuleDict(dict(backbone=MODELS.build(config))).state_dict()
    assert fitting_model_config(weights) == config
    check_state_dict(weights, build_fitting_model(weights), "x.pth")


def test_unknown_depth_is_refused():
    weights = nn.ModuleDict(dict(backbone=MODELS.build(resnet(18)))).state_dict()
    weights["backbone.layer1.2.conv1.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match=r"holds a ResNet with \(3, 2, 2, 2\) blocks"):
        fitting_model_config(weights)


def test_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="holds a backbone that is neither a ResNet, nor"):
        fitting_model_config({"backbone.features.0.weight": torch.zeros(1)})
