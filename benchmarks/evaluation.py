# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Seconds and memory of scoring, beside a straightforward implementation of the same definitions.

Both score the same synthetic predictions of 500x375 pixels, in one process and one thread. The straightforward
implementation loops over classes and thresholds, erodes by iterations, fills the assignment matrix by a double loop and
assigns with munkres (PyPI). It scores fewer images; all figures are for one image.

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --categories 300 --images 200 --memory-images 100 1000
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from straightforward_scores import LoopScores, loop_matching, loop_sweep, read_by_pillow

from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.evaluation.counts import LabelCounts, SparseCounter
from mmluss.evaluation.image_histogram import ImageHistogram
from mmluss.evaluation.matching import assign_one_to_one
from mmluss.evaluation.scores import compute_scores, find_matching
from mmluss.evaluation.thresholds.threshold_sweep import ThresholdSweep

SHAPE = (375, 500)
THRESHOLDS = np.arange(81) / 100
SIZE_LIMITS = ((0, 5), (5, 25), (25, 50), (50, 100))


class Scene(NamedTuple):
    """An image: true ids, final prediction, predicted ids before thresholding and their score, all (H, W)."""

    true: np.ndarray
    predicted: np.ndarray
    uncut: np.ndarray
    score: np.ndarray


def scenes(count: int, num_categories: int, seed: int = 0) -> Iterator[Scene]:
    """Images of one or two objects; 60 % are predicted right, 30 % as one of five others, 10 % as anything."""
    rng = np.random.default_rng(seed)
    templates = [_template(rng) for _ in range(32)]
    cluster = rng.permutation(num_categories) + 1
    confused = rng.integers(1, num_categories + 1, (num_categories + 1, 5))
    for _ in range(count):
        template = templates[rng.integers(len(templates))]
        true = rng.integers(1, num_categories + 1, 2)
        kind = rng.random(2)
        predicted = np.where(kind < 0.6, cluster[true - 1], confused[true, rng.integers(0, 5, 2)])
        predicted = np.where(kind < 0.9, predicted, rng.integers(1, num_categories + 1, 2))
        noise = cluster[rng.integers(0, 8, 2)]
        of_true = np.zeros(1001, np.uint16)
        of_true[[1, 2, 1000]] = [*true, 1000]
        of_predicted = np.array([0, *predicted, *noise], np.uint16)
        yield Scene(
            of_true[template.true], of_predicted[template.predicted], of_predicted[template.uncut], template.score
        )


def _template(rng: np.random.Generator) -> Scene:
    def smooth(cells: tuple[int, int]) -> np.ndarray:
        field = cv2.resize(rng.random(cells, np.float32), SHAPE[::-1], interpolation=cv2.INTER_CUBIC)
        return np.clip(field, 0, 1)

    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    true, predicted = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.uint16)
    score = 0.3 * smooth((24, 32))
    for index in range(1, 2 + int(rng.random() < 0.4)):
        radii, center = rng.uniform(30, 150, 2), rng.uniform((80, 80), (300, 420))
        distance = ((y - center[0]) / radii[0]) ** 2 + ((x - center[1]) / radii[1]) ** 2
        true[distance < 1] = index
        predicted[distance + smooth((24, 32)) < 1.5] = index
        score = np.maximum(score, np.clip(1.2 - distance, 0, 1) * (0.5 + 0.5 * smooth((24, 32))))
        true[np.abs(distance - 1) < 0.03] = 1000
    cells = cv2.resize(rng.integers(3, 5, (24, 32)).astype(np.uint16), SHAPE[::-1], interpolation=cv2.INTER_NEAREST)
    uncut = np.where(predicted > 0, predicted, cells)
    predicted[(smooth((48, 64)) > 0.9) & (predicted > 0)] = 3
    return Scene(true, predicted, uncut, score.astype(np.float32))


class Measured(NamedTuple):
    """Seconds, growth of the peak memory in MiB, and a result to compare."""

    seconds: float
    memory: float
    result: object


def measure(function: Callable, *arguments: object) -> Measured:
    """Run a function in a process of its own, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        return pool.submit(_timed, function, *arguments).result()


def _timed(function: Callable, *arguments: object) -> Measured:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, result = function(*arguments)
    return Measured(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, result)


def clock(work: Callable) -> tuple[float, object]:
    """CPU seconds of a call, and what it returned."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def id_lists(count: int, num: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Predicted and true ids that occur in each of many images."""
    rng = np.random.default_rng(0)
    cluster = rng.permutation(num) + 1
    true = [rng.choice(num, rng.integers(1, 4), replace=False) + 1 for _ in range(count)]
    right = [cluster[ids[rng.random(len(ids)) < 0.6] - 1] for ids in true]
    predicted = [np.unique(np.r_[0, ids, rng.integers(1, num + 1, rng.integers(0, 3))]) for ids in right]
    return predicted, [np.r_[0, np.sort(ids), 1000] for ids in true]


def time_matching(straightforward: bool, count: int, num: int) -> tuple[float, object]:
    """Matching from the ids of all images; the result is the number of images that matched pairs share."""
    predicted, true = id_lists(count, num)
    # What one image adds once its label maps are counted: here each pair of ids has one pixel.
    histograms = [
        ImageHistogram(p, t, np.eye(1, 4, dtype=np.int64).reshape(2, 2) + np.zeros((len(p), len(t), 2, 2), np.int64))
        for p, t in zip(predicted, true, strict=True)
    ]
    counts = LabelCounts(num, boundaries=False)

    def ours() -> np.ndarray:
        for histogram in histograms:
            counts.add(histogram)
        return assign_one_to_one(counts.shared_images())

    seconds, match = clock((lambda: loop_matching(predicted, true, num)) if straightforward else ours)
    if straightforward:
        ours()
    return seconds, int(counts.shared_images()[np.arange(num), match[1:] - 1].sum())


def time_scores(straightforward: bool, folder: Path, count: int, num: int) -> tuple[float, object]:
    """All scores of predictions in PNG files; the result is the mIoU."""

    def loop() -> float:
        scores = LoopScores(num)
        for index in range(count):
            scores.update(read_by_pillow(folder / f"t{index}.png"), read_by_pillow(folder / f"p{index}.png"))
        return scores.miou()

    def ours() -> float:
        counts = LabelCounts(num)
        for index in range(count):
            counts.update(read_label_map(folder / f"p{index}.png"), read_label_map(folder / f"t{index}.png"))
        return compute_scores(counts, find_matching(counts, "identity"))[0]["mIoU"]

    return clock(loop if straightforward else ours)


def time_sweep(straightforward: bool, count: int, num: int, all_scores: bool) -> tuple[float, object]:
    """The sweep over 81 thresholds, with the identity as matching; the result is the mIoU at each."""
    images = list(scenes(count, num))

    def loop() -> list[float]:
        true, _, uncut, score = zip(*images, strict=True)
        return loop_sweep(true, uncut, score, THRESHOLDS, np.arange(num + 1), all_scores)

    def ours() -> list[float]:
        sweep = ThresholdSweep(num, THRESHOLDS, all_scores=all_scores)
        for scene in images:
            sweep.update(scene.uncut, scene.true, scene.score)
        return sweep.compute("identity")["miou"].tolist()

    return clock(loop if straightforward else ours)


def count_many(kind: str, count: int, different: int, num: int) -> tuple[float, object]:
    """Count many images, the different ones again and again; the result is the size of the counts in MiB."""
    counts = LabelCounts(num) if kind == "one threshold" else ThresholdSweep(num, THRESHOLDS, all_scores=True)
    start = time.process_time()
    for scene in chain.from_iterable(scenes(different, num) for _ in range(count // different)):
        if kind == "one threshold":
            counts.update(scene.predicted, scene.true)
        else:
            counts.update(scene.uncut, scene.true, scene.score)
    seconds = time.process_time() - start
    counters = [value for value in vars(counts).values() if isinstance(value, SparseCounter)]
    return seconds, sum(counter.nbytes for counter in counters) / 2**20


def compare(what: str, images: int, loop_images: int, ours: tuple, loop: tuple) -> None:
    """Measure both and print a row of the table."""
    left, right = measure(*loop), measure(*ours)
    if images == loop_images:
        np.testing.assert_allclose(left.result, right.result, rtol=1e-9)
    seconds = left.seconds / loop_images, right.seconds / images
    print(
        f"| {what} | {1e3 * seconds[0]:.3g} ms | {1e3 * seconds[1]:.3g} ms | {seconds[0] / seconds[1]:.0f} | "
        f"{left.memory:.0f} MiB | {right.memory:.0f} MiB |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--categories", type=int, nargs="+", default=[300, 919])
    parser.add_argument("--images", type=int, default=100, help="images scored at one threshold, by both")
    parser.add_argument("--sweep-images", type=int, default=30, help="images swept over all thresholds, by both")
    parser.add_argument("--matching-images", type=int, default=12419)
    parser.add_argument("--memory-images", type=int, nargs="*", default=[1000, 10000])
    args = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    for num in args.categories:
        print(f"\n{num} categories, {SHAPE[1]}x{SHAPE[0]} pixels; CPU time of one thread\n")
        print("| what | straightforward | mmluss | times | peak memory, straightforward | peak memory, mmluss |")
        print("| --- | --- | --- | --- | --- | --- |")
        matching = (args.matching_images, num)
        compare(
            f"ids of {args.matching_images} images counted and matched, all",
            1,
            1,
            (time_matching, False, *matching),
            (time_matching, True, *matching),
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for index, scene in enumerate(scenes(args.images, num)):
                write_label_map(folder / f"t{index}.png", scene.true)
                write_label_map(folder / f"p{index}.png", scene.predicted)
            count = args.images
            scores = (folder, count, num)
            compare(
                "all scores, reading included, an image",
                count,
                count,
                (time_scores, False, *scores),
                (time_scores, True, *scores),
            )
        count = args.sweep_images
        for all_scores, what in ((False, "mIoU only"), (True, "all scores")):
            sweep = (count, num, all_scores)
            compare(
                f"81 thresholds, {what}, an image",
                count,
                count,
                (time_sweep, False, *sweep),
                (time_sweep, True, *sweep),
            )
        if args.memory_images:
            fewest, most = min(args.memory_images), max(args.memory_images)
            runs = [*((count, count) for count in args.memory_images), (most // fewest * fewest, fewest)]
            print("\n| counting | images | different ones | an image | growth of peak memory | size of the counts |")
            print("| --- | --- | --- | --- | --- | --- |")
        for kind in ("one threshold", "81 thresholds") if args.memory_images else ():
            for count, different in runs:
                found = measure(count_many, kind, count, different, num)
                sizes = f"{found.memory:.0f} MiB | {found.result:.1f} MiB"
                print(
                    f"| {kind} | {count} | {different} | {1e3 * found.seconds / count:.3g} ms | {sizes} |", flush=True
                )


if __name__ == "__main__":
    main()
