# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

import mmluss  # noqa: F401
from mmluss.models import LUSSSegmentor

init_default_scope("mmseg")


def build(model, decay_rate):
    return build_optim_wrapper(
        model,
        dict(
            type="OptimWrapper",
            optimizer=dict(type="AdamW", lr=0.01, weight_decay=0.05),
            constructor="LayerDecayOptimWrapperConstructor",
            paramwise_cfg=dict(decay_rate=decay_rate),
        ),
    ).optimizer


@pytest.fixture
def model():
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8, frozen_stages=0)
    return LUSSSegmentor(backbone=backbone, decode_head=dict(type="LinearHead", num_classes=4))


@pytest.mark.parametrize("decay_rate", [0.4, 1.0])
def test_scale_falls_with_each_block(model, decay_rate):
    optimizer = build(model, decay_rate)
    groups = {name: group for group in optimizer.param_groups for name in group["param_names"]}
    for name, blocks_after in [
        ("decode_head.conv_seg.weight", 0),
        ("backbone.layer4.1.conv2.weight", 1),
        ("backbone.layer4.0.downsample.0.weight", 2),
        ("backbone.layer1.0.conv1.weight", 8),
    ]:
        assert groups[name]["lr_scale"] == pytest.approx(decay_rate**blocks_after)
        assert groups[name]["lr"] == pytest.approx(0.01 * decay_rate**blocks_after)
        assert groups[name]["weight_decay"] == 0.05
    assert groups["backbone.layer1.0.bn1.weight"]["weight_decay"] == 0
    assert groups["decode_head.conv_seg.bias"]["weight_decay"] == 0


def test_every_trainable_parameter_is_in_one_group(model):
    optimizer = build(model, 0.5)
    optimized = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    trainable = [id(parameter) for parameter in model.parameters() if parameter.requires_grad]
    assert sorted(optimized) == sorted(trainable)
    assert len(trainable) < len(list(model.parameters()))
