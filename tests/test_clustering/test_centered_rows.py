# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.clustering import kmeans as blocks
from mmluss.clustering.centered_rows import CenteredRows
from mmluss.clustering.kmeans import normalize_rows


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("block_rows", [7, 1000])
def test_rows_lose_their_mean_and_keep_their_length(dtype, block_rows, monkeypatch, tmp_path):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 4 * 6 * block_rows)
    rows = normalize_rows(np.random.default_rng(0).standard_normal((50, 6)) + 2).astype(dtype)
    np.save(tmp_path / "rows.npy", rows)
    expected = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    centered = CenteredRows(np.load(tmp_path / "rows.npy", mmap_mode="r"))
    assert (len(centered), centered.shape, centered.dtype) == (50, (50, 6), dtype)
    atol = 1e-3 if dtype == np.float16 else 1e-6
    for which in (slice(None), slice(3, 20), np.array([4, 9, 30])):
        read = centered[which]
        assert read.dtype == dtype
        np.testing.assert_allclose(read, expected[which], atol=atol)


def test_a_row_that_is_the_mean_stays_zero():
    np.testing.assert_array_equal(CenteredRows(np.float32([[1, 0], [1, 0]]))[:], np.zeros((2, 2)))
