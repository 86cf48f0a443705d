# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Random numbers that depend on the epoch only, so that a resumed run equals an uninterrupted one."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, numpy and torch at the start of each epoch from the run's seed, the epoch and the rank.

    Checkpoints do not hold the state of random generators. With this hook, and ``seed_worker`` as the
    ``worker_init_fn`` of the dataloader (without persistent workers), they need not.
    """

    priority = "VERY_HIGH"

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed all generators of this process."""
        seed = (runner.seed + 1) * 1_000_003 + runner.epoch * get_world_size() + get_rank()
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
