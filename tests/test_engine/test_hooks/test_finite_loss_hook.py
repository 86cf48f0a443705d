# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math
import re
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmluss.engine.hooks import FiniteLossHook
from mmluss.engine.hooks.finite_loss_hook import first_not_finite


@pytest.fixture
def runner():
    return SimpleNamespace(model=nn.Linear(2, 2), iter=0, epoch=3, work_dir="work")


def run(hook, runner, losses):
    for runner.iter, loss in enumerate(losses):
        hook.after_train_iter(runner, runner.iter, outputs=dict(loss=torch.tensor(loss, requires_grad=True)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_stops_at_the_end_of_an_interval(runner, bad):
    message = f"Training diverged: the loss became {bad} by iteration 5 of epoch 4. Lower optim_wrapper.optimizer.lr"
    with pytest.raises(FloatingPointError, match=re.escape(message)) as error:
        run(FiniteLossHook(interval=5), runner, [1.0, 1.0, bad, 1.0, 1.0])
    assert "the checkpoints in work are from before" in str(error.value)


def test_looks_once_an_interval_and_at_the_end_of_the_epoch(runner):
    hook = FiniteLossHook(interval=5)
    run(hook, runner, [1.0] * 5 + [math.nan] * 4)
    with pytest.raises(FloatingPointError, match="the loss became nan by iteration 9 of epoch 4"):
        hook.after_train_epoch(runner)


def test_losses_of_before_are_forgotten(runner):
    hook = FiniteLossHook(interval=2)
    with pytest.raises(FloatingPointError):
        run(hook, runner, [math.nan, 1.0])
    run(hook, runner, [1.0] * 4)
    hook.after_train_epoch(runner)


def test_names_the_first_weight_that_is_not_finite(runner):
    assert first_not_finite(runner.model) is None
    runner.model.register_buffer("threshold", torch.tensor(math.nan))
    FiniteLossHook().after_train_epoch(runner)
    with torch.no_grad():
        runner.model.bias[1] = math.inf
    with pytest.raises(FloatingPointError, match="the weight bias became NaN or infinite"):
        FiniteLossHook().after_train_epoch(runner)


def test_model_without_weights():
    assert first_not_finite(nn.ReLU()) is None


def test_comes_before_checkpoints_are_saved():
    from mmengine.hooks import CheckpointHook
    from mmengine.runner.priority import get_priority

    assert get_priority(FiniteLossHook.priority) < get_priority(CheckpointHook.priority)
