# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The scores of ImageNet-S, from counts and a matching."""

import numpy as np

from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.matching import assign_majority, assign_one_to_one
from mmluss.evaluation.sizes import SIZES

MATCHINGS = ("image", "pixel", "majority", "identity")


def find_matching(counts: LabelCounts, matching: str) -> np.ndarray:
    """The category that each predicted id stands for.

    Args:
        counts: Counts of the data set.
        matching: 'image': one-to-one with the most shared images (the benchmark's); 'pixel': one-to-one with the most
            shared pixels; 'majority': many-to-one, the category with the most shared pixels; 'identity'.

    Returns:
        Int64 (K + 1,), -1 for predicted ids that stand for no category; 0 stands for 0.

    Raises:
        ValueError: If ``matching`` is none of these.
    """
    if matching == "image":
        return assign_one_to_one(counts.shared_images())
    if matching == "pixel":
        return assign_one_to_one(counts.shared_pixels())
    if matching == "majority":
        return assign_majority(counts.shared_pixels())
    if matching == "identity":
        ids = np.arange(counts.num_predicted + 1)
        return np.where(ids <= counts.num_categories, ids, -1)
    raise ValueError(f"matching {matching!r}; expected one of {', '.join(map(repr, MATCHINGS))}")


def iou(predicted: np.ndarray, true: np.ndarray, pixels: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Intersection over union of every class, TP / (T + P - TP + 1e-10).

    Args:
        predicted: (n,) predicted class of a group of pixels; negative = none.
        true: (n,) true class of these pixels; negative = none.
        pixels: (n,) how many they are.
        num_classes: Number of classes.

    Returns:
        IoU, float64 (num_classes,) in 0..1, 0 for absent classes; and the true pixels, float64 (num_classes,).
    """

    def total(classes: np.ndarray, which: np.ndarray) -> np.ndarray:
        return np.bincount(classes[which], weights=pixels[which], minlength=num_classes)

    shared = total(true, (true == predicted) & (true >= 0))
    trues = total(true, true >= 0)
    return shared / (trues + total(predicted, predicted >= 0) - shared + 1e-10), trues


def compute_scores(counts: LabelCounts, match: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """All scores in percent.

    Args:
        counts: Counts of the data set.
        match: (K + 1,) category of each predicted id, -1 for none.

    Returns:
        The scores: ``mIoU``, ``Acc``, ``FMeasure``, the mIoU by object size ``S``, ``MS``, ``ML``, ``L``, and, if
        boundaries were counted, ``mBIoU``, ``BS``, ``BMS``, ``BML``, ``BL``; NaN for a size that does not occur. Then
        by class, each (N + 1,): ``IoU``, ``BIoU`` (if counted), ``pixels``, ``images``.

    Raises:
        ValueError: If nothing was counted.
    """
    if counts.images == 0:
        raise ValueError("no image has been counted: there is nothing to score")
    num_classes = counts.num_categories + 1
    predicted, true, groups, pixels = counts.pixels.entries()
    scores, classes = _iou_scores(match[predicted], true, groups, pixels, num_classes, "")
    classes["images"] = counts.images_with
    if counts.boundaries:
        boundary_scores, boundary_classes = _iou_scores(*counts.boundary_entries(match), num_classes, "B")
        scores |= boundary_scores
        classes["BIoU"] = boundary_classes["BIoU"]
    scores["FMeasure"] = 100 * float(counts.f_measure) / counts.images
    scores["Acc"] = 100 * counts.hits(match) / counts.images
    return scores, classes


def _iou_scores(
    predicted: np.ndarray, true: np.ndarray, groups: np.ndarray, pixels: np.ndarray, num_classes: int, letter: str
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    ious, trues = iou(predicted, true, pixels, num_classes)
    scores = {f"m{letter}IoU": 100 * float(ious.mean())}
    for bit, size in enumerate(SIZES):
        chosen = (groups >> bit & 1) == 1
        size_ious, size_trues = iou(predicted[chosen], true[chosen], pixels[chosen], num_classes)
        occurs = size_trues > 0
        scores[letter + size] = 100 * float(size_ious[occurs].mean()) if occurs.any() else float("nan")
    return scores, {f"{letter}IoU": 100 * ious, "pixels": trues.astype(np.int64)}
