# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import errno

import numpy as np
import pytest

from mmluss.clustering import landmarks as module
from mmluss.clustering.kmeans import normalize_rows
from mmluss.clustering.landmarks import find_landmarks, landmark_embedding, landmark_weights


@pytest.fixture
def rows() -> np.ndarray:
    return normalize_rows(np.random.default_rng(0).standard_normal((200, 6)))


def test_weights_are_gaussian_of_the_three_nearest(rows):
    landmarks = rows[:10].copy()
    weights = landmark_weights(rows, landmarks).toarray()
    distances = np.linalg.norm(rows[:, None] - landmarks[None], axis=2)
    nearest = np.argsort(distances, axis=1)[:, :3]
    expected = np.zeros_like(weights)
    close = np.take_along_axis(distances, nearest, axis=1)
    np.put_along_axis(expected, nearest, np.exp(-(close**2) / (2 * close.mean() ** 2)), axis=1)
    np.testing.assert_allclose(weights, expected / expected.sum(axis=1, keepdims=True), atol=1e-3)


def test_vectors_are_left_singular_vectors(rows, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 8 * 4 * 7)
    vectors, eigenvalues = landmark_embedding(rows, 4, 20)
    weights = landmark_weights(rows, find_landmarks(rows, 20, 0)).toarray().astype(np.float64)
    left, values, _ = np.linalg.svd(weights / np.sqrt(weights.sum(axis=0)), full_matrices=False)
    np.testing.assert_allclose(eigenvalues, 1 - values[:5] ** 2, atol=1e-6)
    expected = normalize_rows(left[:, :4])
    np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-4)


def test_vectors_on_disk_are_those_in_memory(rows, tmp_path):
    inside, _ = landmark_embedding(rows, 4, 20)
    outside, _ = landmark_embedding(rows, 4, 20, path=tmp_path / "vectors.npy")
    assert isinstance(outside, np.memmap)
    assert outside.dtype == np.float16
    np.testing.assert_allclose(outside, inside, atol=1e-3)


def test_a_full_disk_is_told_of_before_the_vectors_are_made(rows, tmp_path, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mmluss.utils.atomic_files.os.posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match=r"cannot make room for .*vectors\.npy \(\(200, 4\) float16\).*No space left"):
        landmark_embedding(rows, 4, 20, path=tmp_path / "vectors.npy")
    assert list(tmp_path.iterdir()) == []


def test_many_rows_are_sampled_for_landmarks(rows, monkeypatch):
    seen = []
    kmeans = module.kmeans
    monkeypatch.setattr(module, "ROWS_PER_LANDMARK", 8)
    monkeypatch.setattr(
        module, "kmeans", lambda rows, *args, **kwargs: seen.append(rows) or kmeans(rows, *args, **kwargs)
    )
    find_landmarks(rows, 5, 0)
    find_landmarks(rows, 5, 1)
    assert [len(drawn) for drawn in seen] == [40, 40]
    assert not np.array_equal(seen[0], seen[1])


@pytest.mark.parametrize(("dimensions", "landmarks"), [(20, 20), (4, 201)])
def test_landmarks_that_do_not_suit(rows, dimensions, landmarks):
    with pytest.raises(ValueError, match="need more landmarks than dimensions"):
        landmark_embedding(rows, dimensions, landmarks)
