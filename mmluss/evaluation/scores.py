# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The scores of ImageNet-S from counts and a matching, and the tables that show them to people and programs."""

import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, get_args

import numpy as np
from prettytable import PrettyTable

from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.image_histogram import SIZES
from mmluss.evaluation.matching import UNMATCHED, assign_majority, assign_one_to_one

PACKAGES = ("mmluss", "mmsegmentation", "mmengine", "mmcv", "torch", "numpy", "scipy", "opencv-python")
SCORES_FILE = "scores.json"
"""Where the scores of a test are kept."""

Matching = Literal["image", "pixel", "majority", "identity"]

MATCHINGS: tuple[Matching, ...] = get_args(Matching)


def find_matching(counts: LabelCounts, matching: Matching) -> np.ndarray:
    """The category that each predicted id stands for.

    Args:
        counts: Counts of the data set.
        matching: 'image': one-to-one with the most shared images (the benchmark's); 'pixel': one-to-one with the most
            shared pixels; 'majority': many-to-one, the category with the most shared pixels; 'identity'.

    Returns:
        Int64 ``(K + 1,)``, -1 for predicted ids that stand for no category; 0 stands for 0.

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
        ids = np.arange(counts.num_clusters + 1)
        return np.where(ids <= counts.num_categories, ids, -1)
    raise ValueError(f"matching {matching!r}; expected one of {', '.join(map(repr, MATCHINGS))}")


def intersection_over_union(shared: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """IoU in 0..1 from numbers of pixels, float64; 0 for classes that are absent.

    Args:
        shared: Pixels that are truly of a class and predicted to be.
        true: Pixels that are truly of it.
        predicted: Pixels that are predicted to be.
    """
    return shared / (true + predicted - shared + 1e-10)


def iou(predicted: np.ndarray, true: np.ndarray, pixels: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Intersection over union of every class, TP / (T + P - TP + 1e-10).

    Args:
        predicted: ``(n,)`` predicted class of a group of pixels; negative = none.
        true: ``(n,)`` true class of these pixels; negative = none.
        pixels: ``(n,)`` how many they are.
        num_classes: Number of classes.

    Returns:
        IoU, float64 ``(num_classes,)`` in 0..1, 0 for absent classes; and the true pixels, float64 ``(num_classes,)``.
    """

    def total(classes: np.ndarray, which: np.ndarray) -> np.ndarray:
        return np.bincount(classes[which], weights=pixels[which], minlength=num_classes)

    shared = total(true, (true == predicted) & (true >= 0))
    trues = total(true, true >= 0)
    return intersection_over_union(shared, trues, total(predicted, predicted >= 0)), trues


def compute_scores(counts: LabelCounts, match: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """All scores in percent.

    Args:
        counts: Counts of the data set.
        match: ``(K + 1,)`` category of each predicted id, -1 for none.

    Returns:
        The scores: ``mIoU``, ``Acc``, ``FMeasure``, the mIoU by object size ``S``, ``MS``, ``ML``, ``L``, and, if
        boundaries were counted, ``mBIoU``, ``BS``, ``BMS``, ``BML``, ``BL``; NaN for a size that does not occur. Then
        by class, each ``(N + 1,)``: ``IoU``, ``BIoU`` (if counted), ``pixels``, ``images``.

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
        on_predicted, on_true, groups, pixels = counts.boundary_entries(match)
        boundary_scores, boundary_classes = _iou_scores(on_predicted, on_true, groups, pixels, num_classes, "B")
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


def class_table(names: Sequence[str], classes: dict[str, np.ndarray], match: np.ndarray) -> str:
    """Table of all classes.

    Args:
        names: ``(N + 1,)`` class names, 0 = other first.
        classes: By class, each ``(N + 1,)``, as ``compute_scores`` returns it.
        match: ``(K + 1,)`` category of each predicted id, -1 for none.
    """
    table = PrettyTable()
    table.add_column("Id", list(range(len(names))))
    table.add_column("Class", list(names), align="l")
    predicted = [" ".join(map(str, np.flatnonzero(match == i))) for i in range(len(names))]
    table.add_column("Predicted id", predicted)
    for title, values in classes.items():
        texts = [f"{value:.2f}" if values.dtype.kind == "f" else str(value) for value in values]
        table.add_column(title, texts, align="r")
    return table.get_string()


def score_table(scores: dict[str, float]) -> str:
    """Table of all scores in one line, in percent."""
    table = PrettyTable(list(scores))
    table.add_row(["-" if math.isnan(value) else f"{value:.2f}" for value in scores.values()])
    return table.get_string()


def score_report(
    counts: LabelCounts,
    scores: dict[str, float],
    classes: dict[str, np.ndarray],
    names: Sequence[str],
    match: np.ndarray,
    sweep: dict | None = None,
) -> dict:
    """All figures of an evaluation.

    Args:
        counts: What was counted.
        scores: The scores.
        classes: By class, each ``(N + 1,)``.
        names: ``(N + 1,)`` class names.
        match: ``(K + 1,)`` category of each predicted id, -1 for none.
        sweep: What ``ThresholdSweep.compute`` returned, if there was one.

    Returns:
        Dict with ``scores``, ``classes``, ``match``, ``shared_pixels`` (of each predicted id and category that share
        any), ``sweep`` (if any), ``data`` (counts of the data set) and ``versions``.
    """
    shared = counts.shared_pixels()
    predicted, category = np.nonzero(shared)
    report = {
        "scores": scores,
        "classes": {"name": list(names), **classes},
        "match": {i: category for i, category in enumerate(match.tolist()) if category != UNMATCHED},
        "shared_pixels": {
            "predicted": (predicted + 1).tolist(),
            "category": (category + 1).tolist(),
            "pixels": shared[predicted, category].tolist(),
        },
        "data": {
            "images": counts.images,
            "categories": counts.num_categories,
            "categories_present": int((counts.images_with[1:] > 0).sum()),
            "pixels": int(classes["pixels"].sum()),
            "ignored_pixels": counts.ignored_pixels,
        },
        "versions": versions(),
    }
    if sweep is not None:
        report["sweep"] = {"thresholds": sweep["thresholds"], "mIoU": sweep["miou"]}
    return report


def versions() -> dict[str, str]:
    """Versions of the packages that the scores come from; those not installed are left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
