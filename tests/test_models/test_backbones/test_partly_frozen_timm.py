# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import copy

import pytest
import torch
from mmengine.model import convert_sync_batchnorm

from mmluss.models import PartlyFrozenTIMMBackbone


def build(frozen_stages):
    return PartlyFrozenTIMMBackbone(frozen_stages=frozen_stages, model_name="tf_efficientnet_lite0")


def test_first_stages_neither_learn_nor_move_their_statistics():
    backbone = build(3).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    backbone(torch.randn(2, 3, 64, 64))[-1].sum().backward()
    for name, parameter in backbone.named_parameters():
        frozen = name.startswith(("timm_model.conv_stem", "timm_model.bn1")) or name.split(".")[2] in "012"
        assert parameter.requires_grad is not frozen, name
        assert (parameter.grad is None) is frozen, name
    moved = {name for name, value in backbone.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.split(".")[1] == "blocks" and int(name.split(".")[2]) >= 3 for name in moved)


def test_norm_eval_keeps_statistics_and_trains_weights():
    backbone = PartlyFrozenTIMMBackbone(frozen_stages=4, norm_eval=True, model_name="tf_efficientnet_lite0").train()
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 64, 64))[-1].sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in backbone.named_buffers())
    assert backbone.timm_model.blocks[-1][0].bn3.bias.grad is not None


def test_nothing_is_frozen_by_default():
    assert all(parameter.requires_grad for parameter in build(0).parameters())


def test_too_many_stages_are_refused():
    with pytest.raises(ValueError, match="has 5 stages"):
        build(6)


@pytest.mark.parametrize("model_name", ["tf_efficientnet_lite0", "resnet18"])
def test_synchronized_norms_keep_their_activations(model_name):
    torch.manual_seed(0)
    backbone = PartlyFrozenTIMMBackbone(model_name=model_name, norm_eval=True).eval()
    model = torch.nn.Sequential(backbone)
    images = torch.randn(2, 3, 64, 64)
    expected, names = model(images), set(model.state_dict())
    model = convert_sync_batchnorm(copy.deepcopy(model), "torch").eval()
    assert any(isinstance(module, torch.nn.SyncBatchNorm) for module in model.modules())
    assert set(model.state_dict()) == names
    for map_before, map_after in zip(expected, model(images), strict=True):
        torch.testing.assert_close(map_after, map_before)
    model.train()
    assert not any(module.training for module in model.modules() if isinstance(module, torch.nn.SyncBatchNorm))


def test_stages_are_counted_whichever_maps_are_returned():
    backbone = PartlyFrozenTIMMBackbone(frozen_stages=4, out_indices=(4,), model_name="tf_efficientnet_lite0")
    maps = backbone(torch.randn(1, 3, 64, 64))
    assert [feature_map.shape[1] for feature_map in maps] == [320]
    trained = {name for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, parameter in build(4).named_parameters() if parameter.requires_grad}
    assert trained and all(int(name.split(".")[2]) >= 5 for name in trained)
