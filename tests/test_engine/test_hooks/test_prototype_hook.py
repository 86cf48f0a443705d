# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from types import SimpleNamespace

import pytest

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
    ("images", "message"),
    [(4, r"4 training images cannot share 5 prototypes"), (5, None), (3, r"3 training images cannot share 5")],
)
def test_prototypes_need_images(runner, images, message):
    runner.train_dataloader = SimpleNamespace(dataset=range(images))
    if message is None:
        PrototypeHook().before_train(runner)
    else:
        with pytest.raises(ValueError, match=message):
            PrototypeHook().before_train(runner)


def test_queue_must_not_hold_images_twice(runner):
    runner.train_dataloader = SimpleNamespace(dataset=range(6))
    PrototypeHook().before_train(runner)
    runner.model.queue.length = 7
    with pytest.raises(ValueError, match=r"A queue of 7 rows would hold the 6 .*queue\.length=6 or less"):
        PrototypeHook().before_train(runner)
    runner.model.queue = None
    PrototypeHook().before_train(runner)


def test_model_without_a_queue(runner):
    runner.model.queue = None
    PrototypeHook(freeze_iters=1).before_train_iter(runner, 0)
    assert runner.model.prototypes.frozen
