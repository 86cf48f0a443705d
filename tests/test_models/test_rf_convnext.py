# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json

import pytest
import torch
from mmcv.cnn.rfsearch import Conv2dRFSearchOp, RFSearchHook
from mmpretrain.models.backbones import ConvNeXt

from mmluss.models.rf_convnext import RFConvNeXt, read_structure

ARCH = dict(depths=[1, 1, 2, 1], channels=[4, 4, 8, 8])
SEARCH = dict(
    step=0, max_step=4, search_interval=1, exp_rate=0.5, init_alphas=0.01, mmin=1, mmax=8, num_branches=2, skip_layer=[]
)
COMMON = dict(arch=ARCH, gap_before_final_norm=False)
NAMES = [
    f"stages.{stage}.{block}.depthwise_conv" for stage, depth in enumerate(ARCH["depths"]) for block in range(depth)
]


@pytest.fixture
def structure_file(tmp_path):
    path = tmp_path / "structure.json"
    path.write_text(json.dumps(dict(structure={f"module.backbone.{name}": [2, 2] for name in NAMES})))
    return str(path)


def build(mode, structure_file=None):
    model = RFConvNeXt(mode=mode, search=SEARCH, structure_file=structure_file, **COMMON)
    model.eval()
    return model


@pytest.mark.parametrize("mode", ["search", "single", "multiple", "merge"])
def test_loads_a_plain_convnext_and_runs(mode, structure_file):
    plain = ConvNeXt(**COMMON)
    model = build(mode, None if mode == "search" else structure_file)
    result = model.load_state_dict(plain.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert all(name.endswith("branch_weights") for name in result.missing_keys)
    [deepest] = model(torch.randn(1, 3, 64, 96))
    assert deepest.shape == (1, 8, 2, 3)
    assert model.get_layer_depth("stages.2.1.depthwise_conv.op_layer.weight")[0] == 3


def test_single_branch_has_the_dilation_found(structure_file):
    convolution = build("single", structure_file).get_submodule(NAMES[0])
    assert convolution.dilation == (2, 2) and convolution.padding == (6, 6)


def test_multiple_branches_stand_around_the_dilation_found(structure_file):
    operator = build("multiple", structure_file).get_submodule(NAMES[0])
    assert isinstance(operator, Conv2dRFSearchOp)
    assert operator.dilation_rates == [(1, 1), (3, 3)]


def test_merged_kernels_compute_what_the_branches_did(structure_file):
    torch.manual_seed(0)
    multiple, merged = build("multiple", structure_file), build("merge", structure_file)
    for name in NAMES:
        multiple.get_submodule(name).branch_weights.data = torch.tensor([0.01, -0.03])
    for block in multiple.modules():
        if getattr(block, "gamma", None) is not None:
            block.gamma.data.fill_(1.0)
    merged.load_state_dict(multiple.state_dict())
    assert merged.get_submodule(NAMES[0]).kernel_size == (19, 19)
    images = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        torch.testing.assert_close(merged(images)[0], multiple(images)[0], rtol=1e-3, atol=1e-4)
    again = build("merge", structure_file)
    again.load_state_dict(merged.state_dict())


@pytest.mark.parametrize("wrapper", ["model", "module"])
def test_reads_what_the_search_wrote(tmp_path, wrapper):
    backbone = build("search")
    model = torch.nn.ModuleDict({"backbone": backbone})
    if wrapper == "module":
        model = torch.nn.ModuleDict({"module": model})
    RFSearchHook("search", config=dict(search=dict(SEARCH)), verbose=False).step(model, str(tmp_path))
    structure = read_structure(str(tmp_path / "local_search_config_step1.json"))
    assert structure.keys() == {f"module.{name}" for name in NAMES}
    build("single", str(tmp_path / "local_search_config_step1.json"))


def test_unusable_settings_are_errors(tmp_path, structure_file):
    with pytest.raises(ValueError, match="expected one of"):
        build("merged")
    with pytest.raises(ValueError, match="needs structure_file"):
        build("single")
    (tmp_path / "other.json").write_text(json.dumps(dict(structure={"module.layer1.conv": [1, 1]})))
    with pytest.raises(ValueError, match="another network"):
        build("single", str(tmp_path / "other.json"))
