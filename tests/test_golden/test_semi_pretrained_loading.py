# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What semi-supervised models take over from files of pretraining."""

import copy

import pytest
import torch
from mmengine.model.weight_init import initialize

from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss
from tests.test_golden.conftest import stored_names
from tests.test_golden.semi_models import our_names, semi_config, semi_model


def source(table) -> dict[str, torch.Tensor]:
    """Entries of a file, filled with values that no initialization gives."""
    shapes = (line.split("\t") for line in stored_names(table))
    generator = torch.Generator().manual_seed(0)
    return {
        name: 3 + torch.rand([int(size) for size in shape.split(",") if size], generator=generator)
        for name, shape, *_ in shapes
    }


def load(row: str, weights: dict, path, outputs: int, prefix: str = ""):
    """The model of a config before and after its own initialization from a file of these weights."""
    torch.save(dict(model={f"{prefix}{name}": value for name, value in weights.items()}), path)
    model = semi_model(row, outputs, **(dict(structure_file=None) if row.startswith("rf") else {}))
    before = copy.deepcopy(model.state_dict())
    initialize(model.backbone, dict(semi_config(row).model.backbone.init_cfg, checkpoint=str(path)))
    return before, model.state_dict()


def assert_taken(before, after, taken: dict[str, torch.Tensor], fresh: set[str]) -> None:
    """Taken ones equal their source, fresh ones and the rest are as before."""
    for name, value in after.items():
        if name in taken:
            assert name not in fresh
            assert torch.equal(value, taken[name].reshape(value.shape)), name
        else:
            assert torch.equal(value, before[name]), name


@pytest.mark.golden_kind("semi_pretrained_loading")
@pytest.mark.parametrize("row", ["convnext_tiny", "rfsearch", "rfsingle", "rfmultiple"])
@pytest.mark.parametrize("prefix", ["", "module.", "backbone."])
def test_convnext(case, row, prefix, tmp_path):
    stored = case.arrays
    weights = source(stored["convnext_source"])
    renamed = dict(line.split("\t")[:2] for line in stored_names(stored["convnext_renamed"]))
    fresh = stored_names(stored["convnext_fresh"])
    ours = {published: our for our, published in our_names([*renamed.values(), *fresh]).items()}
    before, after = load(row, weights, tmp_path / "file.pth", case.settings["nb_classes"], prefix)
    taken = {ours[published]: weights[name] for name, published in renamed.items()}
    assert not set(renamed) & set(stored_names(stored["convnext_dropped"]))
    assert taken.keys() <= after.keys()
    assert_taken(before, after, taken, {ours[name] for name in fresh})
    rest = after.keys() - taken.keys() - {ours[name] for name in fresh}
    assert all(name.endswith((".branch_weights", ".rates", ".num_rates")) for name in rest)


@pytest.mark.golden_kind("semi_pretrained_loading")
@pytest.mark.parametrize("kind", ["pretrained", "finetuned"])
def test_vision_transformer(case, kind, tmp_path):
    stored = case.arrays
    weights = source(stored[f"vit_{kind}_source"])
    dropped, fresh = (set(stored_names(stored[f"vit_{kind}_{part}"])) for part in ("dropped", "fresh"))
    before, after = load(case.settings["vit"], weights, tmp_path / "file.pth", case.settings["nb_classes"])
    kept = {name: value for name, value in weights.items() if name not in dropped}
    taken = imagenetseg_to_mmluss(kept)
    new = our_names({*kept, *fresh})
    assert taken.keys() <= after.keys()
    assert_taken(before, after, taken, {our for our, published in new.items() if published in fresh})
    assert after.keys() == new.keys()
