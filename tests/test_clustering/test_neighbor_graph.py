# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.clustering import neighbor_graph as module
from mmluss.clustering.kmeans import normalize_rows
from mmluss.clustering.neighbor_graph import nearest_neighbors, neighbor_graph


@pytest.fixture
def rows() -> np.ndarray:
    return normalize_rows(np.random.default_rng(0).standard_normal((50, 6)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("block", [7, 1000])
def test_neighbors_are_those_of_all_cosines(rows, dtype, block, monkeypatch):
    monkeypatch.setattr(module, "QUERY_ROWS", block)
    monkeypatch.setattr(module, "DATABASE_ROWS", block + 2)
    rows = rows.astype(dtype)
    cosines = rows.astype(np.float32) @ rows.astype(np.float32).T
    np.testing.assert_array_equal(nearest_neighbors(rows, 4), np.argsort(-cosines, axis=1)[:, :4])


def test_graph_is_symmetric_with_halves_where_only_one_is_a_neighbor(rows):
    found, graph = nearest_neighbors(rows, 4), neighbor_graph(rows, 4).toarray()
    for i in range(50):
        for j in range(50):
            assert graph[i, j] == ((j in found[i]) + (i in found[j])) / 2
    assert {0.5, 1.0} <= set(graph.ravel())


@pytest.mark.parametrize("neighbors", [0, 51])
def test_impossible_numbers_of_neighbors(rows, neighbors):
    with pytest.raises(ValueError, match="50 images have no"):
        nearest_neighbors(rows, neighbors)
