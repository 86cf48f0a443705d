# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

import mmluss  # noqa: F401
from mmluss.engine.optimizers.layer_depth import layer_depths, residual_block_depths

init_default_scope("mmseg")


def test_blocks_count_from_the_stem():
    names = ["conv1.weight", "layer1.0.conv1.weight", "layer1.1.bn1.bias", "layer1.0.bn2.weight", "layer2.0.bn1.bias"]
    assert list(residual_block_depths([*names, "norm.bias"]).values()) == [0, 1, 2, 1, 3, 4]


@pytest.mark.parametrize("depth, blocks", [(18, 8), (50, 16)])
def test_resnet(depth, blocks):
    backbone = MODELS.build(dict(type="ResNet", depth=depth, base_channels=8, stem_channels=8))
    depths, head = layer_depths(backbone)
    assert head == blocks + 1
    assert depths["conv1.weight"] == depths["bn1.bias"] == 0
    assert depths["layer1.0.conv1.weight"] == 1
    assert depths["layer4.1.bn2.weight"] == {18: blocks, 50: blocks - 1}[depth]
    assert depths.keys() == {name for name, _ in backbone.named_parameters()}


def test_vision_transformer():
    arch = dict(embed_dims=8, num_layers=3, num_heads=2, feedforward_channels=8)
    depths, head = layer_depths(MODELS.build(dict(type="mmpretrain.VisionTransformer", arch=arch, img_size=32)))
    assert head == 4
    assert depths["pos_embed"] == depths["cls_token"] == depths["patch_embed.projection.bias"] == 0
    assert [depths[f"layers.{layer}.ln1.weight"] for layer in range(3)] == [1, 2, 3]
    assert depths["ln1.weight"] == head


def test_convnext():
    arch = dict(depths=[3, 3, 9, 3], channels=[4, 4, 8, 8])
    depths, head = layer_depths(MODELS.build(dict(type="mmpretrain.ConvNeXt", arch=arch)))
    assert head == 22
    assert [depths[f"downsample_layers.{stage}.0.weight"] for stage in range(4)] == [0, 4, 8, 18]
    assert [depths[f"stages.0.{block}.gamma"] for block in range(3)] == [1, 2, 3]
    assert [depths[f"stages.2.{block}.gamma"] for block in (0, 3, 8)] == [9, 12, 17]
    assert depths["stages.3.0.gamma"] == 19
    assert depths["norm3.weight"] == 22


def test_timm_network_of_residual_blocks():
    backbone = MODELS.build(
        dict(type="mmpretrain.TIMMBackbone", model_name="tf_efficientnet_lite0", features_only=True)
    )
    depths, head = layer_depths(backbone)
    assert head == 17
    assert depths["timm_model.conv_stem.weight"] == 0
    assert depths["timm_model.blocks.0.0.conv_dw.weight"] == 1
    assert depths["timm_model.blocks.6.0.bn3.bias"] == 16


def test_unknown_layers_are_an_error():
    with pytest.raises(ValueError, match="Sequential has no get_layer_depth"):
        layer_depths(nn.Sequential(nn.Conv2d(3, 4, 1)))
