# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from argparse import Namespace

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader

from mmluss.checkpoints.fitting_models import build_fitting_model
from mmluss.checkpoints.imagenetseg_checkpoints import IMAGENETSEG_KINDS, imagenetseg_to_mmluss, left_out_names
from mmluss.checkpoints.kinds import (
    CheckpointKind,
    check_state_dict,
    checkpoint_weights,
    detect_checkpoint_kind,
)
from mmluss.checkpoints.pass_checkpoints import PASS_KINDS, mmluss_to_pass, pass_to_mmluss
from tests.test_golden.semi_models import semi_model

KINDS = {
    "pretrain": CheckpointKind.PASS_PRETRAIN,
    "pixelattn": CheckpointKind.PASS_PIXEL_ATTENTION,
    "finetune": CheckpointKind.PASS_FINETUNE,
    "seg": CheckpointKind.SEMI_RESNET,
}


def read_table(table: bytes) -> dict[str, torch.Tensor]:
    """A published state dict without its values: one line ``name TAB sizes TAB dtype`` an entry."""
    entries = (line.split("\t") for line in table.decode().splitlines())
    return {
        name: torch.empty([int(size) for size in sizes.split(",") if size], dtype=getattr(torch, dtype), device="meta")
        for name, sizes, dtype in entries
    }


@pytest.mark.golden_kind("official_keys")
def test_every_name_has_its_place(case):
    for stage, table in case.arrays.items():
        weights = checkpoint_weights(read_table(table.tobytes()))
        kind = detect_checkpoint_kind(weights)
        assert kind is KINDS.get(stage.split("_")[0], kind)
        assert kind is not CheckpointKind.UNKNOWN
        if kind in PASS_KINDS:
            ours = pass_to_mmluss(weights)
            back = mmluss_to_pass(ours)
            assert [f"module.{name}" for name in back] == [line.split("\t")[0] for line in text_lines(table)]
            assert all(back[name] is value for name, value in weights.items())
        else:
            ours = imagenetseg_to_mmluss(weights)
            assert left_out_names(weights) == []
            assert len(ours) == len(weights)
        model = build_fitting_model(ours)
        check_state_dict(ours, model, stage)
        dtypes = {name: value.dtype for name, value in model.state_dict().items()}
        assert all(dtypes[name] == value.dtype for name, value in ours.items())


def text_lines(table) -> list[str]:
    return table.tobytes().decode().splitlines()


@pytest.mark.golden_kind("official_keys_imagenetseg")
def test_every_name_of_a_semi_supervised_model_has_its_place(case):
    for name, table in case.arrays.items():
        weights = checkpoint_weights(dict(model=read_table(table.tobytes()), epoch=1))
        assert detect_checkpoint_kind(weights) in IMAGENETSEG_KINDS
        ours = imagenetseg_to_mmluss(weights)
        left_out = left_out_names(weights)
        assert all(left.endswith((".counter", ".current_search_step")) for left in left_out)
        assert len(left_out) + len(ours) == len(weights)
        model = build_fitting_model(ours)
        check_state_dict(ours, model, name)
        dtypes = {key: value.dtype for key, value in model.state_dict().items()}
        assert all(dtypes[key] == value.dtype for key, value in ours.items())


@pytest.mark.golden_kind("official_keys_imagenetseg")
@pytest.mark.slow
def test_published_files_load_in_the_models_of_the_configs(case, tmp_path, official_weights):
    """By ``load_from``'s way, without any structure file: a file brings its structure along."""
    for name, table in case.arrays.items():
        row = name.removeprefix("rfconvnext_tiny_")
        published = read_table(table.tobytes())
        stored = {
            key: structure(key, value) if not value.is_floating_point() else official_weights.fill(key, value.shape, 7)
            for key, value in published.items()
        }
        path = tmp_path / f"{name}.pth"
        torch.save(dict(model=stored, optimizer={}, epoch=99, scaler={}, args=Namespace(model=name)), path)
        loaded = CheckpointLoader.load_checkpoint(str(path))["state_dict"]
        outputs = published["head.bias" if "head.bias" in published else "seg_head.fc.bias"].shape[0]
        outputs //= 16 if "convnext" in name else 1
        changes = dict(structure_file=str(tmp_path / "absent.pth")) if row.startswith("rf") else {}
        model = semi_model(row, outputs, **changes)
        result = model.load_state_dict(loaded)
        assert not result.missing_keys and not result.unexpected_keys
        for key, value in loaded.items():
            assert torch.equal(model.state_dict()[key], value), key


def structure(name: str, value: torch.Tensor) -> torch.Tensor:
    """Rates and their number as one convolution without dilation has them."""
    return torch.ones(value.shape, dtype=value.dtype)
