# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a finished run says about each photo: its cluster, how sure that is, and which clusters its pixels have."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from mmluss.clustering.kmeans import normalize_rows
from mmluss.datasets.label_codec import IGNORE_INDEX, read_label_map

# A patch of another cluster smaller than this share of all foreground pixels is noise, no second thing.
_LEAST_SHARE_OF_A_THING = 0.1


@dataclass(frozen=True)
class PhotoTable:
    """Facts of M photos and K clusters.

    Attributes:
        cluster: ``(M,)`` int64 in 1..K, the cluster nearest to the photo's embedding.
        typicality: ``(M,)`` float32 in -1..1, cosine of the embedding and that cluster's centroid.
        margin: ``(M,)`` float32, by how much the second best cluster's cosine is smaller.
        pixels: ``(M, K + 1)`` int64, pixels of each id in its label map; uncertain ones (1000) are left out.
    """

    cluster: np.ndarray
    typicality: np.ndarray
    margin: np.ndarray
    pixels: csr_array

    def photos_of(self, cluster: int, count: int) -> np.ndarray:
        """Indices ``(n,)`` of a cluster's most typical photos, at most ``count``, best first."""
        mine = np.flatnonzero(self.cluster == cluster)
        return mine[np.argsort(-self.typicality[mine], kind="stable")[:count]]

    def least_certain(self, count: int) -> np.ndarray:
        """Indices ``(n,)`` of the photos of the smallest margin, at most ``count``, smallest first."""
        return np.argsort(self.margin, kind="stable")[:count]

    def with_several_things(self) -> np.ndarray:
        """Indices ``(n,)`` of photos whose foreground is shared by clusters, the most even sharing first."""
        foreground = self.pixels[:, 1:]
        totals = np.asarray(foreground.sum(axis=1)).ravel()
        second = np.zeros(len(totals))
        for row in range(len(totals)):
            counts = np.sort(foreground.data[foreground.indptr[row] : foreground.indptr[row + 1]])
            if len(counts) > 1:
                second[row] = counts[-2] / totals[row]
        order = np.argsort(-second, kind="stable")
        return order[second[order] >= _LEAST_SHARE_OF_A_THING]

    def shares(self) -> np.ndarray:
        """Share of all pixels by id, ``(K + 1,)`` float64 in 0..1."""
        pixels = np.asarray(self.pixels.sum(axis=0)).ravel()
        return pixels / max(pixels.sum(), 1)


def make_photo_table(
    embeddings: np.ndarray, centroids: np.ndarray, label_maps: Sequence[str | Path], threads: int = 8
) -> PhotoTable:
    """Read the label maps of a run and compare its embeddings with its centroids.

    Args:
        embeddings: ``(M, C)`` float16 or float32, rows L2-normalized; an array or a memory map.
        centroids: ``(K, C)``.
        label_maps: M label map files with ids 0..K or 1000.
        threads: Files read at once.

    Raises:
        ValueError: If a label map holds an id above K; the message names it.
        FileNotFoundError: If there is no such label map.
    """
    num_clusters = len(centroids)
    # A cluster without photos may have a zero for a centroid.
    directions = normalize_rows(centroids)
    cluster = np.empty(len(embeddings), np.int64)
    best, margin = np.empty(len(embeddings), np.float32), np.empty(len(embeddings), np.float32)
    for start in range(0, len(embeddings), 4096):
        rows = slice(start, start + 4096)
        similarities = np.asarray(embeddings[rows], np.float32) @ directions.T
        cluster[rows] = similarities.argmax(axis=1) + 1
        ranked = np.sort(similarities, axis=1)
        best[rows] = ranked[:, -1]
        margin[rows] = ranked[:, -1] - ranked[:, -2] if num_clusters > 1 else 1
    with ThreadPoolExecutor(threads) as pool:
        counts = list(pool.map(lambda path: _count_ids(path, num_clusters), label_maps))
    ids, pixels = zip(*counts, strict=True)
    bounds = np.cumsum([0, *map(len, ids)])
    table = csr_array((np.concatenate(pixels), np.concatenate(ids), bounds), shape=(len(counts), num_clusters + 1))
    return PhotoTable(cluster, best, margin, table)


def count_pixels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids of a label map ``(H, W)``, ascending, and their pixels, both int64; uncertain pixels (1000) are left out."""
    ids, pixels = np.unique(labels, return_counts=True)
    certain = ids != IGNORE_INDEX
    return ids[certain].astype(np.int64), pixels[certain].astype(np.int64)


def _count_ids(path: str | Path, num_clusters: int) -> tuple[np.ndarray, np.ndarray]:
    ids, pixels = count_pixels(read_label_map(path))
    if len(ids) and ids[-1] > num_clusters:
        raise ValueError(f"{path} holds the id {ids[-1]}, but there are {num_clusters} clusters: is it of another run?")
    return ids, pixels
