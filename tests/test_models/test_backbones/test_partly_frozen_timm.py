# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import copy

import pytest
import torch
from mmengine.model import convert_sync_batchnorm
from torch.nn import BatchNorm2d

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


@pytest.mark.parametrize(
    ("model_name", "frozen_stages", "last_frozen"),
    [
        ("resnet18", 1, "bn1.bias"),
        ("convnext_atto", 2, "stages_1.blocks.1.mlp.fc2.bias"),
        ("resnetv2_50", 1, "stem_conv.weight"),
        ("vgg11_bn", 1, "features_1.bias"),
        ("vit_tiny_patch16_224", 3, "model.blocks.2.mlp.fc2.bias"),
        ("hrnet_w18_small", 3, "stage2.0.fuse_layers.1.0.0.1.bias"),
    ],
)
def test_stages_of_any_family_are_frozen(model_name, frozen_stages, last_frozen):
    backbone = PartlyFrozenTIMMBackbone(model_name=model_name, frozen_stages=frozen_stages)
    names = [name.removeprefix("timm_model.") for name, _ in backbone.named_parameters()]
    frozen = [not parameter.requires_grad for _, parameter in backbone.named_parameters()]
    end = names.index(last_frozen) + 1
    assert all(frozen[:end]) and not any(frozen[end:]) and end < len(names)


def test_a_stage_that_timm_does_not_name_is_an_error():
    with pytest.raises(ValueError, match="HighResolutionNetFeatures does not tell where stem ends"):
        PartlyFrozenTIMMBackbone(model_name="hrnet_w18_small", frozen_stages=1)


def test_statistics_move_without_norm_eval_although_no_weight_is_trained():
    """As in step 2.1, whose backbone is frozen and whose batch statistics are published to move on."""
    backbone = build(2).requires_grad_(False).train()
    before = {name: value.clone() for name, value in backbone.named_buffers() if name.endswith("running_mean")}
    backbone(torch.randn(2, 3, 64, 64))
    kept = {name for name, value in backbone.named_buffers() if name in before and torch.equal(value, before[name])}
    assert kept == {name for name in before if name.split(".")[1] == "bn1" or name.split(".")[2] in "01"}


def test_statistics_of_frozen_stages_stay_once_they_are_synchronized():
    def kept(model, kind):
        return {name for name, norm in model.named_modules() if isinstance(norm, kind) and not norm.training}

    model = torch.nn.Sequential(build(2)).train()
    before = kept(model, BatchNorm2d)
    assert before and kept(convert_sync_batchnorm(model, "torch").train(), torch.nn.SyncBatchNorm) == before
