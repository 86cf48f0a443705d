# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""How well clusters of images agree with categories known from elsewhere (to report, never to train)."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def contingency_table(clusters: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Images of each pair of cluster and category.

    Args:
        clusters: ``(M,)`` integers.
        categories: ``(M,)`` integers.

    Returns:
        ``(clusters, categories)`` int64, of those that occur, both in ascending order.
    """
    _, cluster = np.unique(clusters, return_inverse=True)
    names, category = np.unique(categories, return_inverse=True)
    rows = int(cluster.max()) + 1
    return np.bincount(cluster * len(names) + category, minlength=rows * len(names)).reshape(rows, len(names))


def normalized_mutual_information(clusters: np.ndarray, categories: np.ndarray) -> float:
    """Mutual information divided by the mean of both entropies, in 0..1; 1 where both are constant.

    Args:
        clusters: ``(M,)`` integers.
        categories: ``(M,)`` integers.
    """
    joint = contingency_table(clusters, categories) / len(clusters)
    entropy = [-(p[p > 0] * np.log(p[p > 0])).sum() for p in (joint.sum(axis=1), joint.sum(axis=0), joint.ravel())]
    mean = (entropy[0] + entropy[1]) / 2
    return 1.0 if mean == 0 else float(np.clip((entropy[0] + entropy[1] - entropy[2]) / mean, 0, 1))


def matched_accuracy(clusters: np.ndarray, categories: np.ndarray) -> float:
    """Share of images whose cluster is matched to their category, under the best one-to-one matching, in 0..1.

    Args:
        clusters: ``(M,)`` integers.
        categories: ``(M,)`` integers.
    """
    table = contingency_table(clusters, categories)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(clusters))


def agreement_where_known(clusters: np.ndarray, categories: np.ndarray) -> dict[str, float]:
    """How well clusters agree with categories, of the images whose category is known.

    Args:
        clusters: ``(M,)`` integers.
        categories: ``(M,)`` integers, 0 where it is unknown.

    Returns:
        ``nmi`` and ``accuracy``, see above; empty if no category is known.
    """
    known = categories > 0
    if not known.any():
        return {}
    pair = clusters[known], categories[known]
    return dict(nmi=normalized_mutual_information(*pair), accuracy=matched_accuracy(*pair))
