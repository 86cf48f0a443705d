# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Spectral clustering of image embeddings: clusters follow chains of near neighbors, not distances to a center.

Exact on the graph of nearest neighbors (von Luxburg 2007) for some 100,000 images, by landmarks beyond (Cai and Chen
2015).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine import dist
from mmengine.logging import MMLogger
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh

from mmluss.clustering.centered_rows import CenteredRows
from mmluss.clustering.kmeans import KMeansResult, assign_rows, check_rows, kmeans, normalize_rows, row_blocks
from mmluss.clustering.landmarks import landmark_embedding
from mmluss.clustering.neighbor_graph import neighbor_graph

MAX_GRAPH_ROWS = 100_000
"""Beyond so many images landmarks replace the graph of all of them."""

TOLERANCE = 1e-6
"""Relative accuracy of eigenvalues; k-means needs no more."""


@dataclass(frozen=True)
class SpectralResult(KMeansResult):
    """Outcome of a spectral clustering of M rows into K clusters.

    Attributes:
        centroids: ``(K, C)`` float32, mean embedding of each cluster's rows.
        assignments: ``(M,)`` int64 in 0..K-1, the centroid of largest cosine of each row.
        objective: Mean squared distance of a normalized row to its normalized centroid.
        eigenvalues: ``(K + 1,)`` ascending, of the graph's normalized Laplacian, in 0..2.
        kept: Share of the rows that the centroids give back to the cluster they came from.
    """

    eigenvalues: np.ndarray
    kept: float


def spectral_embedding(graph: csr_matrix, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions on a sphere that are near for rows that are joined (Ng, Jordan and Weiss, 2001).

    The first eigenvectors of the normalized Laplacian I - D^-1/2 W D^-1/2, rows brought to length 1. Computed by the
    first process for all.

    Args:
        graph: ``(M, M)`` symmetric, not negative, no empty row.
        dimensions: Eigenvectors, fewer than M - 1.

    Returns:
        ``(M, dimensions)`` float32 and, one more, ``(dimensions + 1,)`` ascending eigenvalues.

    Raises:
        ValueError: Too many dimensions.
    """
    if not 1 <= dimensions < graph.shape[0] - 1:
        raise ValueError(f"a graph of {graph.shape[0]} images has no {dimensions} spectral dimensions")
    vectors, values = torch.zeros(graph.shape[0], dimensions), [np.zeros(dimensions + 1)]
    if dist.is_main_process():
        found, eigenvectors = _largest_eigenvectors(graph, dimensions + 1)
        values = [1 - found]
        vectors = torch.from_numpy(normalize_rows(eigenvectors[:, :-1]))
    dist.broadcast(vectors, src=0)
    dist.broadcast_object_list(values, src=0)
    return vectors.numpy(), values[0]


def _largest_eigenvectors(graph: csr_matrix, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of D^-1/2 W D^-1/2: descending eigenvalues ``(count,)`` and eigenvectors ``(M, count)``.

    Lanczos iterations from one vector find a multiple eigenvalue once only, and 1 occurs once for each connected part.
    Its eigenvectors are known, so they are taken as they are and moved out of the way.
    """
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    similarity = diags(degrees**-0.5) @ graph @ diags(degrees**-0.5)
    parts, part = connected_components(graph, directed=False)
    known = csr_matrix((np.sqrt(degrees), (np.arange(len(part)), part)), shape=(len(part), parts))
    known = known[:, np.argsort(-np.bincount(part), kind="stable")]
    known = known @ diags(1 / np.sqrt(np.asarray(known.multiply(known).sum(axis=0)).ravel()))
    if parts >= count:
        return np.ones(count), known[:, :count].toarray()
    others = LinearOperator(graph.shape, lambda vector: similarity @ vector - 2 * (known @ (known.T @ vector)))
    start = np.random.default_rng(0).standard_normal(len(part))
    values, vectors = eigsh(others, count - parts, which="LA", v0=start, tol=TOLERANCE)
    order = np.argsort(-values, kind="stable")
    return np.append(np.ones(parts), values[order]), np.hstack([known.toarray(), vectors[:, order]])


def spectral_vectors(
    rows: np.ndarray,
    dimensions: int,
    neighbors: int,
    num_landmarks: int | None = None,
    seed: int = 0,
    path: str | Path | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Spectral embedding of what tells embeddings from their mean: by the graph of all of them, or by landmarks.

    Args:
        rows: As for ``spectral_clusters``.
        dimensions: Vectors.
        neighbors: As for ``spectral_clusters``.
        num_landmarks: Landmarks in place of the graph; by default none up to ``MAX_GRAPH_ROWS`` rows, and four times
            the dimensions, at least 400, beyond.
        seed: Seed of the landmarks.
        path: The ``.npy`` file for vectors that landmarks give; None keeps them in memory.

    Returns:
        ``(M, dimensions)`` and ``(dimensions + 1,)`` ascending eigenvalues.

    Raises:
        ValueError: Too few rows for so many dimensions or landmarks.
    """
    if num_landmarks is None and len(rows) > MAX_GRAPH_ROWS:
        num_landmarks = min(len(rows), max(400, 4 * dimensions))
    centered = CenteredRows(rows)
    if num_landmarks is None:
        return spectral_embedding(neighbor_graph(centered, min(neighbors, len(rows))), dimensions)
    return landmark_embedding(centered, dimensions, num_landmarks, seed, path)


def spectral_clusters(
    rows: np.ndarray,
    num_clusters: int,
    *,
    neighbors: int = 10,
    num_landmarks: int | None = None,
    iterations: int = 20,
    restarts: int = 30,
    seed: int = 0,
    folder: str | Path | None = None,
) -> SpectralResult:
    """Cluster embeddings by the graph of what tells them from their mean; centroids are the clusters' mean embeddings.

    A centroid gives back nearly all rows it was made from, so later steps name images and pixels by their nearest
    centroid, as with k-means. All processes take part and get the same result, whatever their number.

    Args:
        rows: ``(M, C)`` float16 or float32, L2-normalized; an array or a memory map.
        num_clusters: K, fewer than M - 1.
        neighbors: Nearest neighbors of a row that it is joined to, itself among them.
        num_landmarks: As for ``spectral_vectors``.
        iterations: Rounds of k-means on the eigenvectors.
        restarts: Starts of k-means, by k-means++.
        seed: Seed of landmarks and k-means.
        folder: Finished restarts and, with landmarks, the vectors are kept here; the caller gives another folder to
            other rows or settings.

    Raises:
        ValueError: Too few rows for so many clusters, neighbors or landmarks; or rows that are not finite.
    """
    if num_clusters >= len(rows) - 1:
        raise ValueError(
            f"spectral clustering into {num_clusters} clusters does not suit {len(rows)} images: give more images, "
            "a smaller num_clusters, or clustering 'kmeans'"
        )
    check_rows(rows, num_clusters)
    path = None if folder is None else Path(folder, "spectral_vectors.npy")
    vectors, eigenvalues = spectral_vectors(rows, num_clusters, neighbors, num_landmarks, seed, path)
    found = kmeans(
        vectors,
        num_clusters,
        iterations=iterations,
        restarts=restarts,
        seed=seed,
        restart_folder=None if folder is None else Path(folder, "restarts"),
        start="k-means++",
    )
    return _nearest_means(rows, found.assignments, num_clusters, eigenvalues)


def _nearest_means(rows: np.ndarray, members: np.ndarray, num_clusters: int, eigenvalues: np.ndarray) -> SpectralResult:
    centroids = member_means(rows, members, num_clusters)
    nearest = assign_rows(rows, normalize_rows(centroids))
    kept = float((nearest.assignments == members).mean())
    MMLogger.get_current_instance().info(
        f"spectral clustering: {len(rows)} embeddings, {num_clusters} clusters, whose mean embeddings give back "
        f"{kept:.1%} of their members"
    )
    return SpectralResult(centroids, nearest.assignments, nearest.objective, eigenvalues, kept)


def member_means(rows: np.ndarray, assignments: np.ndarray, num_clusters: int) -> np.ndarray:
    """Mean of each cluster's rows, read block by block.

    Args:
        rows: ``(M, C)`` float16 or float32.
        assignments: ``(M,)`` in 0..K-1.
        num_clusters: K.

    Returns:
        ``(K, C)`` float32; zeros for a cluster without rows.
    """
    sums = np.zeros((num_clusters, rows.shape[1]))
    for start, block in row_blocks(rows):
        part = assignments[start : start + len(block)]
        members = csr_matrix((np.ones(len(part)), (part, np.arange(len(part)))), shape=(num_clusters, len(part)))
        sums += members @ block
    counts = np.bincount(assignments, minlength=num_clusters)
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


def suggest_num_clusters(eigenvalues: np.ndarray, smallest: int = 2) -> int:
    """Number of clusters after which the eigenvalues of the Laplacian jump most (eigengap; von Luxburg 2007).

    Args:
        eigenvalues: ``(n,)`` ascending, of ``spectral_embedding`` with one dimension more than the largest number
            wanted.
        smallest: Least number that may be suggested.

    Raises:
        ValueError: No number lies between ``smallest`` and n - 1.
    """
    gaps = np.diff(eigenvalues)[smallest - 1 :]
    if smallest < 1 or not len(gaps):
        raise ValueError(f"{len(eigenvalues)} eigenvalues cannot suggest {smallest} or more clusters: compute more")
    return smallest + int(np.argmax(gaps))
