# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The scores by their definitions: loops over images and classes, erosion by iteration, all assignments tried."""

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np

SIZES = ("S", "MS", "ML", "L")


def erode(mask: np.ndarray) -> np.ndarray:
    """Erosion of a bool mask by a 3x3 square; outside of the image is background."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    result = np.ones_like(mask)
    for y in range(3):
        for x in range(3):
            result &= padded[y : y + height, x : x + width]
    return result


def boundary_labels(labels: np.ndarray) -> np.ndarray:
    """Label of each boundary pixel, -1 elsewhere."""
    result = np.full(labels.shape, -1)
    for label in np.unique(labels):
        eroded = labels == label
        for _ in range(max(1, round(0.03 * math.sqrt(labels.shape[0] ** 2 + labels.shape[1] ** 2)))):
            eroded = erode(eroded)
        result[(labels == label) & ~eroded] = label
    return result


def best_total(counts: np.ndarray) -> int:
    """Largest total of a one-to-one assignment, by trying all of them (at most 6 columns)."""
    if counts.shape[0] < counts.shape[1]:
        counts = counts.T
    rows, columns = counts.shape
    return max(sum(counts[i, j] for j, i in enumerate(order)) for order in permutations(range(rows), columns))


def slow_scores(true: Sequence[np.ndarray], matched: Sequence[np.ndarray], num_categories: int) -> dict[str, float]:
    """All scores in percent of predictions that hold categories; larger ids are no category."""
    classes = range(num_categories + 1)
    names = ["", *SIZES]
    totals = {(letter, name): np.zeros((num_categories + 1, 3)) for letter in "RB" for name in names}
    f_measure, hits = 0.0, 0
    for truth, prediction in zip(true, matched, strict=True):
        truth, prediction = truth.astype(int), prediction.astype(int)
        counted = truth != 1000
        chosen = {"": counted}
        present = [c for c in classes if c > 0 and (truth == c).any()]
        for name, low, high in zip(SIZES, (0, 5, 25, 50), (5, 25, 50, 100), strict=True):
            shares = {c: math.ceil(100 * (truth == c).sum() / counted.sum()) for c in present}
            of_size = [c for c in present if low < shares[c] <= high]
            chosen[name] = np.isin(truth, [*of_size, 0]) & counted if of_size else np.zeros_like(counted)
        maps = {"R": (truth, prediction), "B": (boundary_labels(truth), boundary_labels(prediction))}
        for letter, (left, right) in maps.items():
            for name in names:
                for c in classes:
                    a, b = (left == c) & chosen[name], (right == c) & chosen[name]
                    totals[letter, name][c] += (a & b).sum(), a.sum(), b.sum()
        sizes = [(prediction[counted] == c).sum() for c in range(1, max(1, prediction.max()) + 1)]
        if max(sizes) > 0:
            hits += 1 + int(np.argmax(sizes)) in present
        front, back = (prediction > 0) & counted, (truth > 0) & counted
        if (front & back).any():
            precision, recall = (front & back).sum() / front.sum(), (front & back).sum() / back.sum()
            f_measure += 1.3 * precision * recall / (0.3 * precision + recall)
    scores = {"Acc": 100 * hits / len(true), "FMeasure": 100 * f_measure / len(true)}
    for (letter, name), table in totals.items():
        ious = table[:, 0] / (table[:, 1] + table[:, 2] - table[:, 0] + 1e-10)
        prefix = "" if letter == "R" else "B"
        if not name:
            scores[f"m{prefix}IoU"] = 100 * ious.mean()
        else:
            occurs = table[:, 1] > 0
            scores[prefix + name] = 100 * ious[occurs].mean() if occurs.any() else math.nan
    return scores
