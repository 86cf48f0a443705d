# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import pytest
import torch
from mmseg.registry import MODELS

from mmluss.models.backbones.feature_channels import feature_channels

TINY_VIT = dict(
    type="mmpretrain.VisionTransformer",
    arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32),
    img_size=64,
    patch_size=16,
)


def test_resnet(tiny_resnet):
    backbone = MODELS.build(tiny_resnet)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    assert feature_channels(backbone) == (8, 16, 32, 64)
    assert backbone.training
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


def test_timm():
    backbone = MODELS.build(
        dict(type="mmpretrain.TIMMBackbone", model_name="tf_efficientnet_lite0", features_only=True)
    )
    backbone.eval()
    assert feature_channels(backbone) == (16, 24, 40, 112, 320)
    assert not backbone.training


@pytest.mark.parametrize("patch", [14, 16])
def test_vision_transformer(patch):
    backbone = MODELS.build(dict(TINY_VIT, out_type="featmap", patch_size=patch, img_size=4 * patch))
    assert feature_channels(backbone, 4 * patch) == (16,)


def test_backbone_without_maps_is_refused():
    message = (
        "VisionTransformer does not return a tuple of feature maps (B, C, h, w). For mmpretrain's vision transformers "
        "set out_type='featmap'"
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        feature_channels(MODELS.build(dict(TINY_VIT, out_type="cls_token")))
