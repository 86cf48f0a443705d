# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from types import SimpleNamespace

import pytest
import torch

from mmluss.engine.hooks import PrototypeHook
from mmluss.models import EmbeddingQueue, Prototypes


@pytest.fixture
def runner() -> SimpleNamespace:
    model = SimpleNamespace(prototypes=Prototypes(3, 5), queue=EmbeddingQueue(4, 3))
    return SimpleNamespace(model=model, iter=0, epoch=0)


def test_prototypes_are_frozen_for_the_first_iterations(runner):
    hook, frozen = PrototypeHook(freeze_iters=3), []
    for runner.iter in range(5):
        hook.before_train_iter(runner, 0)
        frozen.append(runner.model.prototypes.frozen)
    assert frozen == [True, True, True, False, False]


def test_queue_starts_at_its_epoch(runner):
    hook, active = PrototypeHook(queue_start_epoch=2), []
    for runner.epoch in range(4):
        hook.before_train_iter(runner, 0)
        active.append(runner.model.queue.active)
    assert active == [False, False, True, True]


def test_resumed_run_is_set_right_at_once(runner):
    runner.iter, runner.epoch = 100, 7
    PrototypeHook(freeze_iters=50, queue_start_epoch=7).before_train_iter(runner, 0)
    assert not runner.model.prototypes.frozen
    assert runner.model.queue.active


@pytest.mark.parametrize(
    ("images", "queue", "messages"),
    [
        (6, 6, []),
        (4, 4, ["4 training images cannot share 5 prototypes"]),
        (
            6,
            7,
            ["A queue of 7 rows would hold the 6 training images several times over"],
        ),
        (6, None, []),
        (3, 6, ["3 training images cannot share 5", "A queue of 6 rows would hold the 3"]),
    ],
)
def test_more_than_the_data_can_fill_is_warned_of(runner, images, queue, messages):
    warned = []
    runner.logger = SimpleNamespace(warning=warned.append)
    runner.train_dataloader = SimpleNamespace(dataset=range(images), batch_size=2)
    if queue is None:
        runner.model.queue = None
    else:
        runner.model.queue.length = queue
    PrototypeHook().before_train(runner)
    assert len(warned) == len(messages)
    assert all(text.startswith(start) for text, start in zip(warned, messages, strict=True))


def test_a_queue_that_holds_no_batch_is_refused_before_training(runner):
    runner.train_dataloader = SimpleNamespace(dataset=range(90), batch_size=5)
    with pytest.raises(ValueError, match="queue of 4 rows is shorter than the global batch of 5"):
        PrototypeHook(queue_start_epoch=15).before_train(runner)


def test_model_without_a_queue(runner):
    runner.model.queue = None
    PrototypeHook(freeze_iters=1).before_train_iter(runner, 0)
    assert runner.model.prototypes.frozen


@pytest.mark.parametrize(("iteration", "kept"), [(0, False), (6, True)])
def test_only_a_resumed_training_keeps_the_queue(runner, iteration, kept):
    runner.iter, runner.train_loop = iteration, None
    runner.train_dataloader = SimpleNamespace(dataset=range(90), batch_size=2)
    queue = runner.model.queue
    queue.active = True
    queue.push([torch.ones(4, 3), torch.ones(4, 3)])
    assert queue.rows(0, 2) is not None
    PrototypeHook(queue_start_epoch=0).before_train(runner)
    assert (queue.rows(0, 2) is not None) is kept
