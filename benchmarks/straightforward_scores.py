# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The scores of ImageNet-S in the straightforward way, for ``evaluation.py`` to compare with.

Loops over classes and thresholds, erosion by iterations, the assignment matrix by a double loop, munkres from PyPI.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import munkres
import numpy as np
from PIL import Image

SIZE_LIMITS = ((0, 5), (5, 25), (25, 50), (50, 100))


def read_by_pillow(path: Path) -> np.ndarray:
    """Ids of a label PNG."""
    rgb = np.array(Image.open(path)).astype(np.int64)
    return rgb[..., 0] + 256 * rgb[..., 1]


def loop_boundary(labels: np.ndarray) -> np.ndarray:
    """Labels of boundary pixels, -1 elsewhere: each label eroded again and again."""
    boundary = np.full(labels.shape, -1)
    square = np.ones((3, 3), np.uint8)
    for label in np.unique(labels):
        mask = np.pad((labels == label).astype(np.uint8), 1)
        eroded = mask
        for _ in range(max(1, round(0.03 * np.hypot(*labels.shape)))):
            eroded = cv2.erode(eroded, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        boundary[(mask - eroded)[1:-1, 1:-1] > 0] = label
    return boundary


class LoopScores:
    """All scores of matched predictions, summed up image by image."""

    def __init__(self, num_categories: int) -> None:
        self.num = num_categories + 1
        self.totals = np.zeros((2, 5, 3, self.num))
        self.f_measure, self.hits, self.images = 0.0, 0, 0

    def update(self, true: np.ndarray, predicted: np.ndarray, all_scores: bool = True) -> None:
        """Add an image; ``predicted`` holds categories."""
        counted = true != 1000
        self.images += 1
        if not all_scores:
            self._add(0, 0, true[counted], predicted[counted])
            return
        ids, pixels = np.unique(true[counted], return_counts=True)
        shares = np.ceil(100 * pixels / counted.sum())
        chosen = [counted]
        for low, high in SIZE_LIMITS:
            of_size = ids[(shares > low) & (shares <= high) & (ids > 0)]
            chosen.append(counted & np.isin(true, [0, *of_size]) if len(of_size) else np.zeros_like(counted))
        for kind, (left, right) in enumerate(((true, predicted), (loop_boundary(true), loop_boundary(predicted)))):
            for split, mask in enumerate(chosen):
                self._add(kind, split, left[mask], right[mask])
        sizes = np.bincount(predicted[counted], minlength=self.num)[1:]
        self.hits += bool(sizes.max() > 0 and sizes.argmax() + 1 in ids)
        front, back = (predicted > 0) & counted, (true > 0) & counted
        both = (front & back).sum()
        if both:
            precision, recall = both / front.sum(), both / back.sum()
            self.f_measure += 1.3 * precision * recall / (0.3 * precision + recall)

    def _add(self, kind: int, split: int, true: np.ndarray, predicted: np.ndarray) -> None:
        for which, values in enumerate((true[true == predicted], true, predicted)):
            inside = values[(values >= 0) & (values < self.num)]
            self.totals[kind, split, which] += np.bincount(inside, minlength=self.num)

    def miou(self) -> float:
        """mIoU in percent."""
        shared, trues, predicted = self.totals[0, 0]
        return 100 * float((shared / (trues + predicted - shared + 1e-10)).mean())


def loop_matching(predicted: list[np.ndarray], true: list[np.ndarray], num: int) -> np.ndarray:
    """Category of each predicted id, by a double loop over both."""
    occurs = np.zeros((2, num + 1, len(true)), bool)
    for image, (left, right) in enumerate(zip(predicted, true, strict=True)):
        occurs[0, left, image] = True
        occurs[1, right[right <= num], image] = True
    cost = np.zeros((num, num), np.int64)
    for i in range(num):
        for j in range(num):
            cost[i, j] = -np.logical_and(occurs[0, i + 1], occurs[1, j + 1]).sum()
    match = np.zeros(num + 1, np.int64)
    for i, j in munkres.Munkres().compute((cost - cost.min()).tolist()):
        match[i + 1] = j + 1
    return match


def loop_sweep(
    true: Sequence[np.ndarray],
    predicted: Sequence[np.ndarray],
    score: Sequence[np.ndarray],
    thresholds: Sequence[float],
    match: np.ndarray,
    all_scores: bool,
) -> list[float]:
    """mIoU at every threshold, one pass over the images after another; with ``all_scores`` all others, too.

    The matching is given, because finding it by loops would outweigh everything for a few images.
    """
    num = len(match) - 1
    curve = []
    for threshold in thresholds:
        scores = LoopScores(num)
        for truth, labels, foreground in zip(true, predicted, score, strict=True):
            cut = np.where(foreground < np.float32(threshold), 0, labels)
            np.unique(cut[truth != 1000])
            scores.update(truth.astype(np.int64), match[cut], all_scores)
        curve.append(scores.miou())
    return curve
