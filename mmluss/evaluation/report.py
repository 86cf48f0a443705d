# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Scores for people (a table) and for programs (``scores.json``)."""

import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from prettytable import PrettyTable

from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.matching import UNMATCHED

PACKAGES = ("mmluss", "mmsegmentation", "mmengine", "mmcv", "torch", "numpy", "scipy", "opencv-python")


def class_table(names: Sequence[str], classes: dict[str, np.ndarray], match: np.ndarray) -> str:
    """Table of all classes.

    Args:
        names: (N + 1,) class names, 0 = other first.
        classes: By class, each (N + 1,), as ``compute_scores`` returns it.
        match: (K + 1,) category of each predicted id, -1 for none.
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
        classes: By class, each (N + 1,).
        names: (N + 1,) class names.
        match: (K + 1,) category of each predicted id, -1 for none.
        sweep: What ``ThresholdSweep.compute`` returned, if there was one.

    Returns:
        Dict with ``scores``, ``classes``, ``match``, ``sweep`` (if any), ``data`` (counts of the data set) and
        ``versions``.
    """
    report = {
        "scores": scores,
        "classes": {"name": list(names), **classes},
        "match": {i: category for i, category in enumerate(match.tolist()) if category != UNMATCHED},
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
