# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from itertools import permutations

import numpy as np
import pytest

from mmluss.clustering.cluster_agreement import (
    agreement_where_known,
    contingency_table,
    matched_accuracy,
    normalized_mutual_information,
)


@pytest.fixture(params=range(4))
def partition(request) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(request.param)
    categories = rng.integers(0, 4, 60)
    clusters = np.where(rng.random(60) < 0.3 * request.param, rng.integers(0, 4, 60), (categories + 1) % 4)
    return clusters, categories


def test_contingency_table_of_ids_with_gaps():
    table = contingency_table(np.array([7, 7, 2]), np.array([900, 5, 5]))
    assert table.tolist() == [[1, 0], [1, 1]]


def test_accuracy_is_that_of_the_best_permutation(partition):
    clusters, categories = partition
    best = max((np.array(order)[clusters] == categories).mean() for order in permutations(range(4)))
    assert matched_accuracy(clusters, categories) == pytest.approx(best)


def test_mutual_information_by_its_definition(partition):
    clusters, categories = partition
    mutual = entropy_a = entropy_b = 0.0
    for a in range(4):
        p = (clusters == a).mean()
        entropy_a -= p * np.log(p)
        q = (categories == a).mean()
        entropy_b -= q * np.log(q)
        for b in range(4):
            joint = ((clusters == a) & (categories == b)).mean()
            if joint:
                mutual += joint * np.log(joint / p / (categories == b).mean())
    assert normalized_mutual_information(clusters, categories) == pytest.approx(2 * mutual / (entropy_a + entropy_b))


def test_more_clusters_than_categories_and_constants():
    assert matched_accuracy(np.arange(4), np.zeros(4, int)) == 0.25
    assert normalized_mutual_information(np.zeros(4, int), np.zeros(4, int)) == 1
    assert normalized_mutual_information(np.zeros(4, int), np.arange(4)) == 0


def test_images_of_unknown_category_play_no_part(partition):
    clusters, categories = partition
    hidden = np.where(np.arange(60) % 3 == 0, 0, categories + 1)
    known = hidden > 0
    assert agreement_where_known(clusters, hidden) == dict(
        nmi=normalized_mutual_information(clusters[known], categories[known]),
        accuracy=matched_accuracy(clusters[known], categories[known]),
    )
    assert agreement_where_known(clusters, np.zeros(60, int)) == {}
