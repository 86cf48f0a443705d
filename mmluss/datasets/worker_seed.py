# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Seeds of data-loading workers that a resumed run repeats."""

import random

import numpy as np
import torch
from mmengine.registry import FUNCTIONS


# mmengine's worker_init_fn seeds every epoch alike, so each epoch would draw the same random numbers.
@FUNCTIONS.register_module()
def seed_worker(worker_id: int, _scope_: str | None = None) -> None:
    """Seed Python and numpy from torch, whose seed in a worker follows from the main process at the epoch's start.

    Args:
        worker_id: Not used; torch has already mixed it in.
        _scope_: Not used; mmengine adds it to what a config named ``mmluss::...`` holds.
    """
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
