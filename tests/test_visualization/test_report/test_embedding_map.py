# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
from sklearn.decomposition import PCA

from mmluss.visualization.report import embedding_map as module
from mmluss.visualization.report.embedding_map import embedding_map


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_agrees_with_principal_components(dtype):
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(400, 8)) * [5, 3, 1, 1, 1, 1, 1, 1]).astype(dtype)
    found = embedding_map(rows)
    assert found.min() == 0 and found.max() == 1
    expected = PCA(2).fit_transform(rows.astype(np.float32))
    for axis in range(2):
        assert abs(np.corrcoef(found[:, axis], expected[:, axis])[0, 1]) > 0.99


@pytest.mark.parametrize("rows", [np.ones((1, 4), np.float32), np.ones((5, 4), np.float32)])
def test_photos_that_do_not_differ_lie_in_the_middle(rows):
    np.testing.assert_array_equal(embedding_map(rows), np.full((len(rows), 2), 0.5))


def test_many_rows_are_fitted_by_some(monkeypatch):
    monkeypatch.setattr(module, "ROWS_TO_FIT", 50)
    rows = np.random.default_rng(1).normal(size=(300, 3)) * [9, 2, 0.1]
    found = embedding_map(rows.astype(np.float32))
    assert found.shape == (300, 2)
    assert abs(np.corrcoef(found[:, 0], rows[:, 0])[0, 1]) > 0.95
