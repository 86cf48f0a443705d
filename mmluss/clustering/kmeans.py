# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""k-means of image embeddings with faiss, in memory that does not grow with the number of images (PASS, step 2.2)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import faiss
import numpy as np
import torch
from mmengine import dist
from mmengine.logging import MMLogger
from rich.progress import track

from mmluss.utils.stage_record import read_arrays, write_arrays

KMeansStart = Literal["random", "k-means++"]

BLOCK_BYTES = 64 * 2**20
"""Rows decoded to float32 at once take at most this many bytes."""
DECODED_BYTES = 2**30
"""Rows in half precision that take no more bytes in single are decoded once: faiss decodes them again in each round."""


class Rows(Protocol):
    """What is read in blocks of rows: an array, a memory map, or something that computes them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(M, C)``."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: slice, /) -> np.ndarray: ...


@dataclass(frozen=True)
class KMeansResult:
    """Outcome of a clustering of M rows into K clusters.

    Attributes:
        centroids: ``(K, C)`` float32, not normalized.
        assignments: ``(M,)`` int64 in 0..K-1, the nearest centroid of each row.
        objective: Mean squared distance of a row to its nearest centroid.
    """

    centroids: np.ndarray
    assignments: np.ndarray
    objective: float


def normalize_rows(rows: np.ndarray) -> np.ndarray:
    """Rows ``(M, C)`` divided by their length plus 1e-8, float32; a zero row stays zero."""
    rows = np.asarray(rows, dtype=np.float32)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-8)


def kmeans(
    rows: np.ndarray,
    num_clusters: int,
    *,
    iterations: int = 20,
    restarts: int = 30,
    seed: int = 0,
    restart_folder: str | Path | None = None,
    key: str = "",
    start: KMeansStart = "random",
    spherical: bool = False,
) -> KMeansResult:
    """Euclidean k-means over all rows, the best of several random starts.

    The restarts are shared among processes, every one with a seed of its own, so the result does not depend on their
    number. A process uses its GPU (all GPUs where there is one process) if faiss sees any, else the CPU.

    Memory for M rows of C channels and K clusters, beside the file that ``rows`` maps, whose pages the system reads and
    drops as it likes (M x C x 2 bytes in half precision, 4.6 GiB for 1.2 million x 2048; it is quick where these fit
    into RAM): 12 M bytes of nearest centroids and distances, the same again while they are copied, 16 K C bytes of
    centroids, and, of rows in half precision, 4 M C bytes of decoded rows where these are 1 GiB or less, else one block
    of 64 MiB. For 1.2 million x 2048 and 919 clusters: 0.12 GiB. Single-precision rows are used where they are.

    Args:
        rows: ``(M, C)`` float16 or float32, C-contiguous; an array or a memory map. L2-normalize them first
            (``normalize_rows``).
        num_clusters: K.
        iterations: Lloyd rounds of each restart.
        restarts: Random starts.
        seed: Seed of all restarts.
        restart_folder: Each finished restart is kept here and is not repeated by a later call with the same ``key``.
        key: Fingerprint of rows and settings.
        start: Where a restart begins: "random" rows, or rows far from one another ("k-means++").
        spherical: Centroids are brought to length 1 after each round, so that near means of large cosine.

    Raises:
        ValueError: Fewer rows than clusters, a dtype other than float16 and float32, rows that are not finite, an
            unknown start, or "k-means++" with a faiss that lacks it.
    """
    check_rows(rows, num_clusters)
    if restarts < 1 or iterations < 1:
        raise ValueError(f"k-means needs at least one restart and one iteration, got {restarts} and {iterations}.")
    if rows.dtype == np.float16 and 4 * rows.size <= DECODED_BYTES:
        rows = rows.astype(np.float32)
    parameters = _parameters(len(rows), iterations, start, spherical)
    rank, world_size = dist.get_rank(), dist.get_world_size()
    mine = range(rank, restarts, world_size)
    best = (float("inf"), -1, np.zeros((num_clusters, rows.shape[1]), np.float32))
    for restart in track(mine, description="k-means restarts", disable=rank != 0):
        objective, centroids = _cached_restart(rows, num_clusters, parameters, seed, restart, restart_folder, key)
        best = min(best, (objective, restart, centroids), key=lambda candidate: candidate[:2])
    found = dist.all_gather_object(best[:2])
    winner = min(range(world_size), key=found.__getitem__)
    shared = torch.from_numpy(best[2])
    dist.broadcast(shared, src=winner)
    MMLogger.get_current_instance().info(
        f"k-means: {len(rows)} embeddings, {num_clusters} clusters, best of {restarts} restarts is number "
        f"{found[winner][1]} with mean squared distance {found[winner][0]:.5f}"
    )
    return assign_rows(rows, shared.numpy())


def assign_rows(rows: np.ndarray, centroids: np.ndarray) -> KMeansResult:
    """Nearest centroid (Euclidean) of each row.

    Args:
        rows: ``(M, C)`` float16 or float32.
        centroids: ``(K, C)`` float32.
    """
    index = _flat_index(rows.shape[1])
    index.add(np.ascontiguousarray(centroids, dtype=np.float32))
    assignments = np.empty(len(rows), np.int64)
    total = 0.0
    for start, block in row_blocks(rows):
        distances, nearest = index.search(block, 1)
        assignments[start : start + len(block)] = nearest[:, 0]
        total += float(distances.sum(dtype=np.float64))
    return KMeansResult(np.asarray(centroids, np.float32), assignments, total / max(1, len(rows)))


def row_blocks(rows: Rows) -> Iterator[tuple[int, np.ndarray]]:
    """Rows ``(M, C)`` decoded to float32, ``BLOCK_BYTES`` at a time, each block with the index of its first row."""
    length = max(1, BLOCK_BYTES // (4 * rows.shape[1]))
    for start in range(0, len(rows), length):
        yield start, np.ascontiguousarray(rows[start : start + length], dtype=np.float32)


def check_rows(rows: np.ndarray, num_clusters: int) -> None:
    """Refuse rows that cannot be clustered.

    Args:
        rows: ``(M, C)``.
        num_clusters: K.

    Raises:
        ValueError: Fewer rows than clusters, a dtype other than float16 and float32, or rows that are not finite.
    """
    if rows.dtype not in (np.float16, np.float32) or rows.ndim != 2:
        raise ValueError(f"rows must be (M, C) float16 or float32, got {rows.shape} {rows.dtype}")
    if not 1 <= num_clusters <= len(rows):
        raise ValueError(
            f"{len(rows)} images cannot make {num_clusters} clusters: give at least as many images as clusters, or a "
            "smaller num_clusters"
        )
    for start, block in row_blocks(rows):
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise ValueError(f"row {start + int(np.argmin(finite))} of the embeddings holds NaN or infinity")


def _cached_restart(
    rows: np.ndarray,
    num_clusters: int,
    parameters: "faiss.ClusteringParameters",
    seed: int,
    restart: int,
    folder: str | Path | None,
    key: str,
) -> tuple[float, np.ndarray]:
    if folder is None:
        return _one_restart(rows, num_clusters, parameters, seed, restart)
    path = Path(folder) / f"restart_{restart:03d}.npz"
    stored = read_arrays(path, key)
    if stored is not None:
        return float(stored["objective"]), stored["centroids"]
    objective, centroids = _one_restart(rows, num_clusters, parameters, seed, restart)
    write_arrays(path, key, objective=np.array(objective), centroids=centroids)
    return objective, centroids


def _parameters(count: int, iterations: int, start: KMeansStart, spherical: bool) -> "faiss.ClusteringParameters":
    parameters = faiss.ClusteringParameters()
    parameters.niter = iterations
    parameters.nredo = 1
    parameters.min_points_per_centroid = 1
    parameters.max_points_per_centroid = count
    parameters.spherical = spherical
    if start == "k-means++":
        if not hasattr(faiss, "ClusteringInitMethod_KMEANS_PLUS_PLUS"):
            raise ValueError(f"faiss {faiss.__version__} knows no k-means++ starts: install faiss 1.14 or later")
        parameters.init_method = faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS
    elif start != "random":
        raise ValueError(f"k-means starts 'random' or by 'k-means++', not {start!r}")
    return parameters


def _one_restart(
    rows: np.ndarray, num_clusters: int, parameters: "faiss.ClusteringParameters", seed: int, restart: int
) -> tuple[float, np.ndarray]:
    """Mean squared distance before the last move of the centroids, and the centroids after it."""
    channels = rows.shape[1]
    clustering = faiss.Clustering(channels, num_clusters, parameters)
    clustering.seed = int(np.random.SeedSequence([seed, restart]).generate_state(1)[0] >> 1)
    index = _flat_index(channels)
    if rows.dtype == np.float16:
        clustering.decode_block_size = min(len(rows), max(1, BLOCK_BYTES // (4 * channels)))
        codec = faiss.IndexScalarQuantizer(channels, faiss.ScalarQuantizer.QT_fp16)
        clustering.train_encoded(np.ascontiguousarray(rows).view(np.uint8), codec, index)
    else:
        clustering.train(np.ascontiguousarray(rows), index)
    centroids = faiss.vector_float_to_array(clustering.centroids).reshape(num_clusters, channels)
    # A C++ vector, whatever faiss's types say.
    stats: Any = clustering.iteration_stats
    last = stats.at(stats.size() - 1)
    return float(last.obj) / len(rows), centroids


def _flat_index(channels: int) -> "faiss.Index":
    index = faiss.IndexFlatL2(channels)
    gpus = faiss.get_num_gpus()
    if gpus == 0:
        return index
    if dist.get_world_size() == 1:
        return faiss.index_cpu_to_all_gpus(index)
    local_rank = int(os.environ.get("LOCAL_RANK", dist.get_rank()))
    return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), local_rank % gpus, index)
