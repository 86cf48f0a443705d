# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch

from mmluss.checkpoints.fitting_models import build_fitting_model
from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss, left_out_names
from mmluss.checkpoints.kinds import (
    CheckpointKind,
    check_state_dict,
    checkpoint_weights,
    detect_checkpoint_kind,
)
from mmluss.checkpoints.pass_checkpoints import PASS_KINDS, mmluss_to_pass, pass_to_mmluss

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
