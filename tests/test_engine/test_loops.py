# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from types import SimpleNamespace

import pytest
from mmengine.runner import EpochBasedTrainLoop
from mmseg.registry import LOOPS
from torch.utils.data import DataLoader

from mmluss.engine import FullBatchTrainLoop


def loop(images, batch_size, drop_last=True, world_size=1):
    loader = DataLoader(range(images), batch_size, drop_last=drop_last)
    runner = SimpleNamespace(world_size=world_size, visualizer=SimpleNamespace())
    return FullBatchTrainLoop(runner, loader, max_epochs=2)


def test_is_registered():
    assert LOOPS.get("FullBatchTrainLoop") is FullBatchTrainLoop


@pytest.mark.parametrize(("images", "batch_size", "drop_last", "iters"), [(4, 4, True, 2), (3, 4, False, 2)])
def test_counts_as_mmengine_does(images, batch_size, drop_last, iters):
    assert loop(images, batch_size, drop_last).max_iters == iters


def test_refuses_an_epoch_without_a_batch():
    with pytest.raises(ValueError, match=r"^The 3 training images do not fill one batch of 4: set .*batch_size=3 or"):
        loop(3, 4)
    with pytest.raises(ValueError, match=r"^The 3 training images of a process \(of 2\) do not fill one batch of 4"):
        loop(3, 4, world_size=2)


@pytest.mark.parametrize(
    ("counts", "begun", "messages"),
    [
        (1, 3, []),
        (3, 0, []),
        (2, 0, ["accumulative_counts=2 does not divide the 3 iterations of an epoch: gradients"]),
        (1, 4, ["The checkpoint is of iteration 1 of the 3 of an epoch, which begins anew: save"]),
    ],
)
def test_what_resumes_inexactly_is_warned_of(monkeypatch, counts, begun, messages):
    train, warned = loop(6, 2), []
    train._runner.optim_wrapper = SimpleNamespace(_accumulative_counts=counts)
    train._runner.logger = SimpleNamespace(warning=warned.append)
    train._iter = begun
    monkeypatch.setattr(EpochBasedTrainLoop, "run", lambda self: None)
    train.run()
    assert len(warned) == len(messages)
    assert all(text.startswith(start) for text, start in zip(warned, messages, strict=True))
