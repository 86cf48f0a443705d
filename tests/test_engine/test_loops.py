# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from types import SimpleNamespace

import pytest
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
