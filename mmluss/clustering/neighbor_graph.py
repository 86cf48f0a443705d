# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Graph of nearest neighbors among image embeddings, made by exact search in bounded memory."""

from collections.abc import Iterator

import numpy as np
from faiss import METRIC_INNER_PRODUCT
from faiss.contrib.exhaustive_search import knn_ground_truth
from mmengine import dist
from scipy.sparse import csr_matrix

from mmluss.clustering.image_batches import consecutive_batches, my_share
from mmluss.clustering.kmeans import Rows

QUERY_ROWS = 4096
"""Rows whose neighbors are looked for at once, the same whatever the number of processes."""

DATABASE_ROWS = 16384
"""Rows that are searched at once: 128 MiB in float32 for 2048 channels."""


def nearest_neighbors(rows: Rows, neighbors: int) -> np.ndarray:
    """The rows of largest cosine to each row, itself among them; shared among processes.

    Memory: the blocks above in float32, and 12 bytes for each neighbor.

    Args:
        rows: ``(M, C)`` float16 or float32, L2-normalized; read in blocks.
        neighbors: Neighbors of each row, itself among them; M at most.

    Returns:
        ``(M, neighbors)`` int64, from near to far.

    Raises:
        ValueError: Fewer rows than neighbors.
    """
    if not 1 <= neighbors <= len(rows):
        raise ValueError(f"{len(rows)} images have no {neighbors} nearest neighbors: give a smaller number")
    mine = [_search(rows, batch, neighbors) for batch in my_share(consecutive_batches(len(rows), QUERY_ROWS))]
    parts = dist.all_gather_object(np.concatenate(mine) if mine else np.zeros((0, neighbors), np.int64))
    return np.concatenate(parts)


def _search(rows: Rows, batch: list[int], neighbors: int) -> np.ndarray:
    queries = np.ascontiguousarray(rows[batch[0] : batch[-1] + 1], dtype=np.float32)
    return knn_ground_truth(queries, _blocks(rows), neighbors, METRIC_INNER_PRODUCT)[1]


def _blocks(rows: Rows) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), DATABASE_ROWS):
        yield np.ascontiguousarray(rows[start : start + DATABASE_ROWS], dtype=np.float32)


def neighbor_graph(rows: Rows, neighbors: int) -> csr_matrix:
    """Symmetric graph in which rows are joined to their nearest neighbors.

    Args:
        rows: ``(M, C)`` float16 or float32, L2-normalized.
        neighbors: Neighbors of each row, itself among them.

    Returns:
        ``(M, M)`` float64: 1 where each is a neighbor of the other (and on the diagonal), 1/2 where only one is.
    """
    found = nearest_neighbors(rows, neighbors)
    starts = np.arange(0, found.size + 1, found.shape[1])
    directed = csr_matrix((np.full(found.size, 0.5), found.ravel(), starts), shape=(len(found), len(found)))
    return (directed + directed.T).tocsr()
