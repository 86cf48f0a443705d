# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Two processes give the scores of one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmluss.evaluation import LUSSMetric
from tests.helpers.two_processes import PROCESSES, run_in_two_processes

NUM = 4


class ListDataset(list):
    """A list of data samples is all that a data loader needs."""


def score(images: list, options: dict, batch: int) -> dict[str, float]:
    """Scores from a sampler that shares the images out as mmengine's test loops do."""
    from mmengine.dataset import DefaultSampler

    dataset = ListDataset(
        {
            "img_path": f"{index}.JPEG",
            "pred_sem_seg": {"data": torch.from_numpy(predicted.astype(np.int64))[None]},
            "pred_cluster": {"data": torch.from_numpy(predicted.astype(np.int64))[None]},
            "gt_sem_seg": {"data": torch.from_numpy(true.astype(np.int64))[None]},
            "foreground_score": {"data": torch.from_numpy(foreground)[None]},
        }
        for index, (true, predicted, foreground) in enumerate(images)
    )
    metric = LUSSMetric(**options)
    metric.dataset_meta = {"classes": ["other", "a", "b", "c", "d"]}
    sampler = DefaultSampler(dataset, shuffle=False)
    for samples in DataLoader(dataset, batch, sampler=sampler, collate_fn=list):
        metric.process(None, samples)
    return metric.evaluate(len(dataset))


def work(rank: int, folder: str, images: list, runs: list[tuple[dict, int]]) -> None:
    results = [score(images[:number], options, 2) for options, number in runs]
    torch.save(results, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_equal_one(scenes: Callable, tmp_path: Path) -> None:
    images = scenes(0, 7, NUM)
    options = [{}, {"thresholds": [0.2, 0.4, 0.6]}, {"matching": "majority"}, {"matching": "pixel"}]
    # An odd number of images makes the sampler repeat one; of a single image one rank has nothing but the repeated one.
    runs = [(chosen, number) for chosen in options for number in (7, 6, 1)]
    expected = [score(images[:number], chosen, 3) for chosen, number in runs]
    run_in_two_processes(work, str(tmp_path), images, runs)
    for rank in range(PROCESSES):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for left, right in zip(found, expected, strict=True):
            assert left == pytest.approx(right, nan_ok=True)
