# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Spectral embedding through landmarks, linear in the number of images (Cai and Chen, 2015)."""

from pathlib import Path

import faiss
import numpy as np
import torch
from mmengine import dist
from mmengine.logging import MMLogger
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, diags

from mmluss.clustering.centered_rows import CenteredRows
from mmluss.clustering.kmeans import BLOCK_BYTES, Rows, kmeans, normalize_rows, row_blocks
from mmluss.utils.atomic_files import reserve_array

ROWS_PER_LANDMARK = 64
"""Rows that k-means looks at for each landmark, at most."""

LANDMARK_ITERATIONS = 10
NEAREST = 3
"""Landmarks that a row is joined to."""


def find_landmarks(rows: np.ndarray | CenteredRows, count: int, seed: int) -> np.ndarray:
    """Centers of k-means over evenly drawn rows.

    Memory: a copy of ``ROWS_PER_LANDMARK`` rows for each landmark, at most, in their dtype.

    Args:
        rows: ``(M, C)`` float16 or float32.
        count: Landmarks.
        seed: Seed of the draw and of k-means.

    Returns:
        ``(count, C)`` float32.
    """
    drawn: np.ndarray | slice = slice(None)
    if len(rows) > count * ROWS_PER_LANDMARK:
        drawn = np.sort(np.random.default_rng(seed).choice(len(rows), count * ROWS_PER_LANDMARK, replace=False))
    return kmeans(rows[drawn], count, iterations=LANDMARK_ITERATIONS, restarts=1, seed=seed).centroids


def landmark_weights(rows: Rows, landmarks: np.ndarray) -> csr_matrix:
    """How much each row belongs to its nearest landmarks: Gaussian weights that sum to 1.

    Args:
        rows: ``(M, C)`` float16 or float32.
        landmarks: ``(p, C)`` float32.

    Returns:
        ``(M, p)`` float32 with three entries a row. The bandwidth is the mean distance of all entries.
    """
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(landmarks)
    nearest = min(NEAREST, len(landmarks))
    found = [index.search(block, nearest) for _, block in row_blocks(rows)]
    squares = np.concatenate([squared for squared, _ in found]).clip(0)
    columns = np.concatenate([column for _, column in found])
    bandwidth = max(float(np.sqrt(squares).mean()), 1e-12)
    weights = np.exp((squares.min(axis=1, keepdims=True) - squares) / (2 * bandwidth**2))
    weights /= weights.sum(axis=1, keepdims=True)
    starts = np.arange(0, columns.size + 1, nearest)
    return csr_matrix((weights.ravel(), columns.ravel(), starts), shape=(len(rows), len(landmarks)))


def landmark_embedding(
    rows: np.ndarray | CenteredRows, dimensions: int, num_landmarks: int, seed: int = 0, path: str | Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Leading left singular vectors of the normalized weights to landmarks, each row of length 1.

    They are the eigenvectors of the graph in which two images are as near as the landmarks they share. Memory: 24 bytes
    for each row and nearest landmark, a (landmarks, landmarks) matrix in float64, and the result, which is in float16
    on disk if ``path`` is given.

    Args:
        rows: ``(M, C)`` float16 or float32, L2-normalized; read in blocks.
        dimensions: Vectors, fewer than landmarks.
        num_landmarks: Landmarks.
        seed: Seed of the landmarks.
        path: The ``.npy`` file for the result, on a file system that all processes share; None keeps it in memory.

    Returns:
        ``(M, dimensions)`` float32, or a memory map of float16; and ``(dimensions + 1,)`` ascending eigenvalues of the
        graph's normalized Laplacian, in 0..1.

    Raises:
        ValueError: Not enough landmarks for so many dimensions, or more of them than rows.
    """
    if not dimensions < num_landmarks <= len(rows):
        raise ValueError(
            f"{dimensions} spectral dimensions of {len(rows)} images need more landmarks than dimensions, and at most "
            f"as many as images, not {num_landmarks}"
        )
    weights = landmark_weights(rows, find_landmarks(rows, num_landmarks, seed))
    columns = np.asarray(weights.sum(axis=0), np.float64).ravel()
    weights = weights @ diags(1 / np.sqrt(np.maximum(columns, 1e-12)))
    last = [num_landmarks - dimensions - 1, num_landmarks - 1]
    squares, vectors = eigh((weights.T @ weights).toarray(), subset_by_index=last)
    squares = squares[::-1]
    projection = torch.from_numpy((vectors[:, ::-1] / np.sqrt(np.maximum(squares, 1e-12)))[:, :-1].copy())
    dist.broadcast(projection, src=0)
    MMLogger.get_current_instance().info(f"spectral embedding of {len(rows)} images by {num_landmarks} landmarks")
    return _project(weights, projection.numpy(), path), np.clip(1 - squares, 0, 1)


def _project(weights: csr_matrix, projection: np.ndarray, path: str | Path | None) -> np.ndarray:
    shape = (weights.shape[0], projection.shape[1])
    if path is None:
        result = np.empty(shape, np.float32)
    elif dist.is_main_process():
        reserve_array(path, shape, np.dtype(np.float16))
        result = np.load(path, mmap_mode="r+", allow_pickle=False)
    if path is None or dist.is_main_process():
        length = max(1, BLOCK_BYTES // (8 * shape[1]))
        for start in range(0, shape[0], length):
            result[start : start + length] = normalize_rows(weights[start : start + length] @ projection)
        if isinstance(result, np.memmap):
            # Other processes read the file.
            result.flush()
    if path is None:
        return result
    dist.barrier()
    return np.load(path, mmap_mode="r", allow_pickle=False)
