# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import random
from types import SimpleNamespace

import numpy as np
import torch

from mmluss.engine import EpochSeedHook


def draw(seed, epoch):
    EpochSeedHook().before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch))
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_numbers_depend_on_seed_and_epoch_only():
    first = draw(0, 3)
    draw(0, 4)
    assert draw(0, 3) == first
    assert draw(0, 4) != first
    assert draw(1, 3) != first
