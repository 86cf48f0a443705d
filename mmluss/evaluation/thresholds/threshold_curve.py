# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Matching and IoU at every foreground threshold, from counts by the number of thresholds passed."""

from collections.abc import Callable

import numpy as np

from mmluss.evaluation.scores import intersection_over_union


def curve_matchings(
    predicted: np.ndarray,
    true: np.ndarray,
    passed: np.ndarray,
    count: np.ndarray,
    shape: tuple[int, int, int],
    assign: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """The matching at every threshold.

    Args:
        predicted: ``(n,)`` predicted ids; those with id 0 take no part.
        true: ``(n,)`` true ids; those with id 0 take no part.
        passed: ``(n,)`` number of ascending thresholds at which the two still occur together.
        count: ``(n,)`` in how many images, or on how many pixels.
        shape: Number of predicted ids K, of categories N, both 0 aside, and of thresholds T.
        assign: From shared counts ``(K, N)`` to the category of each predicted id, ``(K + 1,)``.

    Returns:
        Int64 ``(T, K + 1)``, category of each predicted id, -1 for none.
    """
    num_clusters, num_categories, num_thresholds = shape
    inside = (predicted > 0) & (true > 0)
    predicted, true, passed, count = predicted[inside] - 1, true[inside] - 1, passed[inside], count[inside]
    shared = np.zeros((num_clusters, num_categories), np.int64)
    match = np.empty((num_thresholds, num_clusters + 1), np.int64)
    for index in reversed(range(num_thresholds)):
        new = passed == index + 1
        np.add.at(shared, (predicted[new], true[new]), count[new])
        repeated = index + 1 < num_thresholds and not new.any()
        match[index] = match[index + 1] if repeated else assign(shared)
    return match


def curve_ious(
    predicted: np.ndarray,
    true: np.ndarray,
    passed: np.ndarray,
    count: np.ndarray,
    match: np.ndarray,
    num_categories: int,
) -> np.ndarray:
    """IoU of every class at every threshold.

    Args:
        predicted: ``(n,)`` predicted ids before thresholding, 0..K.
        true: ``(n,)`` true ids, 0..N.
        passed: ``(n,)`` number of ascending thresholds that these pixels reach; 0 for predicted id 0.
        count: ``(n,)`` number of pixels.
        match: ``(T, K + 1)`` category of each predicted id at each threshold, -1 for none.
        num_categories: Number of categories N.

    Returns:
        Float64 ``(T, N + 1)`` in 0..1; 0 for absent classes.
    """
    classes = num_categories + 1
    num_thresholds, num_ids = match.shape
    trues = np.bincount(true, weights=count, minlength=classes)

    def foreground(row: np.ndarray, which: np.ndarray, rows: int) -> np.ndarray:
        """``(rows, T)`` number of pixels that keep their predicted id at each threshold."""
        place = row[which] * (num_thresholds + 1) + passed[which]
        table = np.bincount(place, weights=count[which], minlength=rows * (num_thresholds + 1))
        return table.reshape(rows, num_thresholds + 1)[:, :0:-1].cumsum(1)[:, ::-1]

    area = foreground(predicted, predicted > 0, num_ids)
    lost = foreground(np.zeros_like(true), (predicted > 0) & (true == 0), 1)[0]
    # Only pairs that are matched at some threshold are tabulated: far fewer than all pairs that occur.
    keys = np.arange(num_ids) * classes + np.maximum(match, 0)
    wanted = np.unique(keys[match > 0])
    pair = predicted * classes + true
    chosen = np.isin(pair, wanted)
    row = np.searchsorted(wanted, pair)
    shared = foreground(row, chosen, len(wanted))

    ious = np.empty((num_thresholds, classes))
    for index in range(num_thresholds):
        ids = np.flatnonzero(match[index] > 0)
        category = match[index, ids]
        total = np.bincount(category, weights=area[ids, index], minlength=classes)
        total[0] = count.sum() - area[:, index].sum()
        rows = np.searchsorted(wanted, keys[index, ids])
        hits = np.bincount(category, weights=shared[rows, index], minlength=classes)
        hits[0] = trues[0] - lost[index]
        ious[index] = intersection_over_union(hits, trues, total)
    return ious
