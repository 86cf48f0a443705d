# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import logging
import math
from types import SimpleNamespace

import pytest
import torch

from mmluss.engine.hooks import CollapseWarningHook
from mmluss.models import Prototypes

UNIFORM = math.log(20)


@pytest.fixture
def runner() -> SimpleNamespace:
    return SimpleNamespace(
        model=SimpleNamespace(prototypes=Prototypes(3, 20)),
        iter=0,
        work_dir="work",
        logger=logging.getLogger("collapse-warning"),
    )


def run(hook: CollapseWarningHook, runner: SimpleNamespace, losses: list[float]) -> None:
    for runner.iter, loss in enumerate(losses):
        hook.after_train_iter(runner, runner.iter, outputs=dict(i2i=torch.tensor(loss)))


def test_warns_where_the_loss_sits_at_the_logarithm_of_the_prototypes(runner, caplog):
    with caplog.at_level(logging.WARNING):
        run(CollapseWarningHook(interval=5, patience=2), runner, [UNIFORM * 1.001] * 10)
    (record,) = caplog.records
    assert "about ln K = 2.9957, for 10 iterations" in record.message
    assert "freeze the prototypes longer" in record.message


def test_is_patient(runner, caplog):
    run(CollapseWarningHook(interval=5, patience=2), runner, [UNIFORM] * 9)
    assert not caplog.records


@pytest.mark.parametrize("loss", [UNIFORM * 0.98, UNIFORM * 1.02, 1.0])
def test_is_quiet_elsewhere(runner, caplog, loss):
    run(CollapseWarningHook(interval=5, patience=1), runner, [loss] * 20)
    assert not caplog.records


def test_interval_that_learns_resets_its_patience(runner, caplog):
    run(CollapseWarningHook(interval=2, patience=2), runner, [UNIFORM] * 2 + [1.0] * 2 + [UNIFORM] * 2)
    assert not caplog.records
