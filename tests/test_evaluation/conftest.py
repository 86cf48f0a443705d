# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from collections.abc import Callable

import cv2
import numpy as np
import pytest


def blocky(rng: np.random.Generator, shape: tuple[int, int], ids: np.ndarray) -> np.ndarray:
    """Label map of large uneven regions."""
    coarse = rng.choice(ids, size=(max(2, shape[0] // 9), max(2, shape[1] // 9))).astype(np.uint16)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def scenes() -> Callable:
    """Makes images: (true, predicted, score) with ids of both kinds in 0..num, some ignored pixels, all sizes."""

    def make(seed: int, images: int, num: int, num_clusters: int | None = None) -> list[tuple[np.ndarray, ...]]:
        rng = np.random.default_rng(seed)
        renamed = np.r_[0, 1 + rng.permutation(num_clusters or num)]
        made = []
        for _ in range(images):
            shape = tuple(rng.integers(20, 60, 2))
            present = np.r_[0, 0, 1 + rng.choice(num, min(num, int(rng.integers(1, 4))), replace=False)]
            true = blocky(rng, shape, present)
            predicted = renamed[np.minimum(true, len(renamed) - 1)]
            noise = blocky(rng, shape, np.arange((num_clusters or num) + 1))
            predicted = np.where(blocky(rng, shape, np.arange(4)) == 0, noise, predicted).astype(np.uint16)
            true[blocky(rng, shape, np.arange(9)) == 0] = 1000
            score = cv2.resize(rng.random((5, 5), np.float32), shape[::-1]).astype(np.float32)
            made.append((true, predicted, np.round(score, 2)))
        return made

    return make
