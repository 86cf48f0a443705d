# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Seconds and memory of image clustering: k-means beside faiss's own, and spectral clustering by landmarks.

Rows are made like embeddings: unit vectors in half precision, as many loose groups as clusters. faiss's k-means is
given the same rows in single precision, which it needs, with the same number of rounds, and one start. The limit
measured beside it is the matrix product of all rows and all centroids alone, once a round. The three take turns. Each
figure comes from a process of its own; ``MiB`` is the growth of the peak memory over the rows. Spectral clustering has
no peer: its rows tell how seconds and memory grow.

    python benchmarks/clustering.py --threads 2 --json clustering.json
    python benchmarks/clustering.py --sizes 100000x512x300 --landmark-sizes 25000x512x300 50000x512x300
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import faiss
import numpy as np
from side_by_side import add_json_option, figures_row, report, take_turns

from mmluss.clustering.kmeans import assign_rows, kmeans, normalize_rows, row_blocks
from mmluss.clustering.spectral import spectral_clusters

ROUNDS = 20
Size = tuple[int, int, int]


def write_rows(path: Path, size: Size) -> None:
    """Unit vectors (M, C) float16, in K groups."""
    count, channels, clusters = size
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((clusters, channels)).astype(np.float32)
    rows = np.lib.format.open_memmap(path, "w+", np.float16, (count, channels))
    for start in range(0, count, 50_000):
        length = min(50_000, count - start)
        groups = centers[rng.integers(0, clusters, length)]
        rows[start : start + length] = normalize_rows(
            groups + 2 * rng.standard_normal((length, channels), dtype=np.float32)
        )
    rows.flush()


def ours(rows: np.ndarray, clusters: int) -> float:
    """Mean squared distance to the nearest centroid, after k-means from one start."""
    return kmeans(rows, clusters, iterations=ROUNDS, restarts=1).objective


def faiss_kmeans(rows: np.ndarray, clusters: int) -> float:
    """The same by ``faiss.Kmeans``, with the nearest centroids of all rows at the end."""
    single = np.asarray(rows, np.float32)
    learner = faiss.Kmeans(single.shape[1], clusters, niter=ROUNDS, seed=0, max_points_per_centroid=len(single))
    learner.train(single)
    distances, _ = learner.index.search(single, 1)
    return float(distances.mean(dtype=np.float64))


def products_only(rows: np.ndarray, clusters: int) -> float:
    """Products of all rows and centroids, as often as k-means needs them."""
    centroids = np.asarray(rows[:clusters], np.float32)
    blocks = [block for _, block in row_blocks(rows)]
    for _ in range(ROUNDS + 1):
        for block in blocks:
            block @ centroids.T
    return float("nan")


def landmark_spectral(rows: np.ndarray, clusters: int) -> float:
    """Spectral clustering by landmarks, one start of k-means on its vectors, which a file keeps as when labeling."""
    landmarks = min(len(rows), max(400, 4 * clusters))
    with tempfile.TemporaryDirectory() as folder:
        settings = dict(num_landmarks=landmarks, iterations=ROUNDS, restarts=1, folder=folder)
        found = spectral_clusters(rows, clusters, **settings)
    return assign_rows(rows, normalize_rows(found.centroids)).objective


METHODS: dict[str, Callable[[np.ndarray, int], float]] = {
    "ours": ours,
    "peer": faiss_kmeans,
    "limit": products_only,
    "landmark spectral": landmark_spectral,
}


def measure(method: str, path: Path, clusters: int, threads: int) -> tuple[float, float, float]:
    """Seconds, growth of the peak memory in MiB, and the mean squared distance."""
    faiss.omp_set_num_threads(threads)
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    # Pages of the mapped file count as the process's memory, so they are read before.
    for _ in row_blocks(rows):
        pass
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    objective = METHODS[method](rows, clusters)
    seconds = time.perf_counter() - start
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10, objective


def parse_size(text: str) -> Size:
    count, channels, clusters = map(int, text.split("x"))
    return count, channels, clusters


def compare(work: str, methods: dict[str, str], path: Path, size: Size, threads: int, rounds: int) -> dict:
    """The row of some methods, by their side."""
    measured: dict[str, list[tuple[float, float, float]]] = {side: [] for side in methods}

    def seconds(side: str) -> float:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            measured[side].append(pool.submit(measure, methods[side], path, size[2], threads).result())
        return measured[side][-1][0]

    found = take_turns({side: lambda side=side: seconds(side) for side in methods}, rounds)
    more: dict[str, object] = dict(zip(("rows", "channels", "clusters"), size, strict=True))
    for side in [side for side in methods if side != "limit"]:
        prefix = "" if side == "ours" else f"{side}_"
        more[f"{prefix}mib"] = max(mib for _, mib, _ in measured[side])
        more[f"{prefix}mean_squared_distance"] = measured[side][-1][2]
    names = dict(peer_is="faiss.Kmeans", limit_is="products alone") if "peer" in methods else {}
    return figures_row(f"{work}, {size[0]:,} x {size[1]}, {size[2]} clusters", "s", **found, **names, **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [(100_000, 512, 300), (1_000_000, 256, 300)]
    parser.add_argument("--sizes", type=parse_size, nargs="*", default=default, metavar="ROWSxCHANNELSxCLUSTERS")
    default = [(100_000, 512, 300), (200_000, 512, 300), (400_000, 512, 300)]
    parser.add_argument("--landmark-sizes", type=parse_size, nargs="*", default=default)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="the fastest one counts")
    add_json_option(parser)
    args = parser.parse_args()
    kmeans_sides = {side: side for side in ("ours", "peer", "limit")}
    works = [("k-means", kmeans_sides, size) for size in args.sizes]
    works += [("landmark spectral", dict(ours="landmark spectral"), size) for size in args.landmark_sizes]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for work, methods, size in works:
            path = Path(folder, "x".join(map(str, size)) + ".npy")
            if not path.exists():
                write_rows(path, size)
            rows.append(compare(work, methods, path, size, args.threads, args.rounds))
            memory = ", ".join(f"{key} {rows[-1][key]:.4g}" for key in rows[-1] if key.endswith(("mib", "distance")))
            print(f"{rows[-1]['work']}: {memory}", flush=True)
    report(rows, f"{args.threads} threads", args.json)


if __name__ == "__main__":
    main()
