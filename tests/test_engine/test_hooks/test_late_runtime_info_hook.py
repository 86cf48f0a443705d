# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import uuid
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.logging import MessageHub
from torch.utils.data import DataLoader

from mmluss.engine.hooks import LateRuntimeInfoHook

ITERATIONS, BATCHES = 14, 7


@pytest.fixture
def runner():
    return SimpleNamespace(
        message_hub=MessageHub.get_instance(str(uuid.uuid4())),
        hooks=[LoggerHook(interval=3)],
        train_dataloader=DataLoader([0] * BATCHES),
        iter=0,
        epoch=0,
        max_iters=ITERATIONS,
        max_epochs=2,
    )


def history(runner, key: str = "train/loss") -> list[float]:
    scalars = runner.message_hub.log_scalars
    return scalars[key].data[0].tolist() if key in scalars else []


def train(hook, runner, outputs) -> list[int]:
    """Gives the length of the history after each iteration."""
    lengths = []
    hook.before_train(runner)
    for runner.iter, output in enumerate(outputs):
        runner.epoch = runner.iter // BATCHES
        hook.after_train_iter(runner, runner.iter % BATCHES, outputs=output)
        lengths.append(len(history(runner)))
    return lengths


def test_values_are_handed_over_when_they_are_logged(runner):
    outputs = [dict(loss=torch.tensor(float(index), requires_grad=True), lr=index) for index in range(ITERATIONS)]
    lengths = train(LateRuntimeInfoHook(), runner, outputs)
    # After iterations 3 and 6 of an epoch, as the logger, and after its last.
    assert lengths == [0, 0, 3, 3, 3, 6, 7, 7, 7, 10, 10, 10, 13, 14]
    assert history(runner) == history(runner, "train/lr") == list(range(ITERATIONS))


def test_log_is_that_of_mmengine(runner):
    torch.manual_seed(0)
    outputs = [dict(loss=torch.rand(()), accuracy=torch.rand(1)) for _ in range(ITERATIONS)]
    found = {}
    for hook in (LateRuntimeInfoHook(), RuntimeInfoHook()):
        runner.message_hub = MessageHub.get_instance(str(uuid.uuid4()))
        train(hook, runner, outputs)
        found[type(hook).__name__] = [history(runner, f"train/{key}") for key in outputs[0]]
    assert found["LateRuntimeInfoHook"] == found["RuntimeInfoHook"]


def test_another_training_starts_with_nothing(runner):
    hook = LateRuntimeInfoHook()
    train(hook, runner, [dict(loss=torch.tensor(5.0))])
    assert train(hook, runner, [dict(loss=torch.tensor(float(index))) for index in range(3)]) == [0, 0, 3]
    assert history(runner) == [0.0, 1.0, 2.0]
