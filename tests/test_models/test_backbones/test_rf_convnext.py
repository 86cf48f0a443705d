# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json

import pytest
import torch
from mmpretrain.models.backbones import ConvNeXt

from mmluss.models.backbones.receptive_field import BranchedConv2d
from mmluss.models.backbones.rf_convnext import RFConvNeXt, read_structure

ARCH = dict(depths=[1, 1, 2, 1], channels=[4, 4, 8, 8])
COMMON = dict(arch=ARCH, gap_before_final_norm=False)
NAMES = [
    f"stages.{stage}.{block}.depthwise_conv" for stage, depth in enumerate(ARCH["depths"]) for block in range(depth)
]


def build(mode, structure_file=None, **changes):
    model = RFConvNeXt(mode=mode, structure_file=structure_file, **COMMON, **changes)
    model.eval()
    return model


def save(model, path) -> str:
    """Write a backbone as a segmentor's checkpoint has it."""
    torch.save(dict(state_dict={f"backbone.{name}": value for name, value in model.state_dict().items()}), path)
    return str(path)


@pytest.fixture
def search_file(tmp_path):
    """A search that has come to dilations 1, 2 and 3 with unequal weights: 2.2 on average."""
    searched = build("search")
    for convolution in searched.convolutions().values():
        convolution.set_dilations([(1, 1), (2, 2), (3, 3)])
        convolution.branch_weights.data = torch.tensor([0.01, -0.02, 0.02])
    return save(searched, tmp_path / "search.pth")


@pytest.fixture
def multiple(search_file):
    """Trained branches that count for something."""
    torch.manual_seed(0)
    model = build("multiple", search_file)
    for convolution in model.convolutions().values():
        convolution.branch_weights.data = torch.tensor([0.01, -0.03, 0.02])
    for block in model.modules():
        if getattr(block, "gamma", None) is not None:
            block.gamma.data.fill_(1.0)
    return model


@pytest.mark.parametrize("mode", ["search", "single", "multiple"])
def test_takes_the_weights_of_a_plain_convnext(mode, search_file):
    plain = ConvNeXt(**COMMON)
    model = build(mode, None if mode == "search" else search_file)
    result = model.load_state_dict(plain.state_dict(), strict=False)
    assert not result.unexpected_keys
    assert all(name.endswith(("branch_weights", "rates")) for name in result.missing_keys)
    [deepest] = model(torch.randn(1, 3, 64, 96))
    assert deepest.shape == (1, 8, 2, 3)


@pytest.mark.parametrize(
    "mode, dilations",
    [("single", [(2, 2)]), ("multiple", [(1, 1), (2, 2), (3, 3)]), ("search", [(1, 1), (2, 2), (3, 3)])],
)
def test_structure_comes_from_dilations_and_their_weights(mode, dilations, search_file):
    convolution = build(mode, search_file).get_submodule(NAMES[0])
    assert convolution.dilations == dilations
    expected = [0.01, -0.02, 0.02] if mode == "single" else [0.01] * 3
    torch.testing.assert_close(convolution.branch_weights.detach(), torch.tensor(expected))
    assert convolution.branch_weights.requires_grad == (mode != "single")


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, [(1, 1), (2, 2)]),
        (dict(expand_rate=2.0), [(1, 1), (3, 3)]),
        (dict(expand_rate=2.0, num_branches=5), [(1, 1), (2, 2), (3, 3)]),
    ],
)
def test_search_starts_around_one(changes, expected):
    assert build("search", **changes).get_submodule(NAMES[0]).dilations == expected


def test_weights_of_branches_at_first():
    convolution = build("search", branch_weight=0.5).get_submodule(NAMES[0])
    assert convolution.branch_weights.tolist() == [0.5] * 3


def test_merged_kernels_compute_what_the_branches_did(multiple, tmp_path):
    path = save(multiple, tmp_path / "multiple.pth")
    merged = build("merge", path)
    merged.load_state_dict(multiple.state_dict())
    assert merged.get_submodule(NAMES[0]).kernel_size == (19, 19)
    images = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        expected = multiple(images)[0]
        torch.testing.assert_close(merged(images)[0], expected, rtol=1e-3, atol=1e-4)
        alone = build("merge")
        alone.load_state_dict(merged.state_dict())
        torch.testing.assert_close(alone(images)[0], merged(images)[0], rtol=0, atol=0)


def test_merge_trains_the_norm_and_kernels_that_grew(multiple, tmp_path):
    multiple.get_submodule(NAMES[0]).set_dilations([(1, 1), (2, 2)])
    merged = build("merge", save(multiple, tmp_path / "multiple.pth"))
    trained = {name for name, parameter in merged.named_parameters() if parameter.requires_grad}
    assert trained == {"norm3.weight", "norm3.bias"} | {
        f"{name}.{leaf}" for name in NAMES[1:] for leaf in ("weight", "bias")
    }
    assert {name for name in merged.changed_parameters() if not name.endswith("branch_weights")} == {
        f"{name}.{leaf}" for name in NAMES[1:] for leaf in ("weight", "bias")
    }


@pytest.mark.parametrize("mode", ["search", "multiple"])
def test_a_checkpoint_brings_its_structure_along(mode, search_file, tmp_path):
    stored = torch.load(search_file, weights_only=True)["state_dict"]
    weights = {name.removeprefix("backbone."): value for name, value in stored.items()}
    model = build(mode)
    model.load_state_dict(weights)
    assert model.get_submodule(NAMES[0]).dilations == [(1, 1), (2, 2), (3, 3)]


def test_single_refuses_the_branches_of_a_search(search_file):
    stored = torch.load(search_file, weights_only=True)["state_dict"]
    with pytest.raises(ValueError, match="structure_file"):
        build("single").load_state_dict({name.removeprefix("backbone."): value for name, value in stored.items()})


def test_names_of_earlier_releases_load():
    model = build("search")
    own = model.state_dict()
    former = {
        name.replace("conv.weight", "conv.op_layer.weight").replace("conv.bias", "conv.op_layer.bias"): value + 1
        for name, value in own.items()
        if value.is_floating_point()
    }
    assert f"{NAMES[0]}.op_layer.weight" in former
    before = own[f"{NAMES[0]}.weight"].clone()
    with pytest.warns(FutureWarning, match="op_layer"):
        model.load_state_dict(former, strict=False)
    torch.testing.assert_close(model.state_dict()[f"{NAMES[0]}.weight"], before + 1)


@pytest.mark.parametrize("prefix", ["module.backbone.", "backbone.", "module."])
def test_reads_what_mmcv_writes(tmp_path, prefix):
    path = tmp_path / "structure.json"
    path.write_text(json.dumps(dict(structure={f"{prefix}{name}": [2, 3] for name in NAMES})))
    structure = read_structure(str(path))
    assert structure.keys() == set(NAMES)
    assert build("single", str(path)).get_submodule(NAMES[0]).dilation == (2, 3)


def test_dilations_follow_what_is_written_to_the_buffers():
    convolution = BranchedConv2d(4)
    assert convolution.dilations == [(1, 1)]
    with torch.no_grad():
        convolution.rates[1] = torch.tensor([4, 5])
        convolution.num_rates.fill_(2)
    assert convolution.dilations == [(1, 1), (4, 5)]


def test_unusable_settings_are_errors(tmp_path):
    with pytest.raises(ValueError, match="expected one of"):
        build("merged")
    for mode, needed in (("single", "search"), ("multiple", "search"), ("merge", "rfmultiple")):
        with pytest.raises(FileNotFoundError, match=f"{needed}.*absent"):
            build(mode, str(tmp_path / "absent.pth")).init_weights()
    (tmp_path / "other.json").write_text(json.dumps(dict(structure={"module.layer1.conv": [1, 1]})))
    with pytest.raises(ValueError, match="another network"):
        build("single", str(tmp_path / "other.json"))
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), tmp_path / "other.pth")
    with pytest.raises(ValueError, match="holds no dilations"):
        build("single", str(tmp_path / "other.pth"))


def test_a_kernel_that_grows_while_loading_is_trained_by_an_optimizer_of_before():
    grown, loading = BranchedConv2d(2, 7), BranchedConv2d(2, 3)
    optimizer = torch.optim.SGD(loading.parameters(), lr=0.1)
    loading.load_state_dict(grown.state_dict())
    assert torch.equal(loading.weight, grown.weight) and loading.kernel_size == (7, 7)
    loading(torch.ones(1, 2, 9, 9)).sum().backward()
    optimizer.step()
    assert not torch.equal(loading.weight, grown.weight)
