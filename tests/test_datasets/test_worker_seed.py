# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from mmluss.datasets import seed_worker


class RandomNumbers(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return random.random(), np.random.rand(), torch.rand(1).item()


def epoch(seed):
    torch.manual_seed(seed)
    loader = DataLoader(RandomNumbers(), batch_size=1, num_workers=2, worker_init_fn=seed_worker)
    return torch.stack([torch.stack(batch).flatten() for batch in loader])


def test_workers_repeat_an_epoch_and_differ_between_epochs_and_workers():
    first = epoch(0)
    assert torch.equal(epoch(0), first)
    assert not torch.isclose(epoch(1), first).any()
    assert not torch.isclose(first[0], first[1]).any()
