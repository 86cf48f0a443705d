# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pickle

import numpy as np
import pytest
import torch

from mmluss.evaluation import LabelCounts, ThresholdSweep
from mmluss.evaluation.scores import compute_scores, find_matching

GRIDS = [[0.5], [0.0, 0.25, 0.3, 0.9], np.arange(81) / 100, np.linspace(-1, 2, 300)]


def sweep_over(images: list, num: int, thresholds, **settings) -> ThresholdSweep:
    sweep = ThresholdSweep(num, thresholds, **settings)
    for true, predicted, score in images:
        sweep.update(predicted, true, score)
    return sweep


def counts_at(images: list, num: int, threshold: float, num_clusters: int | None = None) -> LabelCounts:
    counts = LabelCounts(num, num_clusters)
    for true, predicted, score in images:
        counts.update(np.where(score >= np.float32(threshold), predicted, 0), true)
    return counts


@pytest.mark.parametrize("thresholds", GRIDS, ids=len)
@pytest.mark.parametrize(("num", "num_clusters"), [(4, 4), (3, 6), (300, 300)])
def test_sweep_equals_one_pass_for_each_threshold(scenes, thresholds, num: int, num_clusters: int) -> None:
    images = scenes(7, 5, num, num_clusters)
    sweep = sweep_over(images, num, thresholds, num_clusters=num_clusters, all_scores=True)
    result = sweep.compute()
    for index in range(0, len(thresholds), 1 + len(thresholds) // 4):
        match = result["matches"][index]
        counts = counts_at(images, num, thresholds[index], num_clusters)
        shared = counts.shared_images()
        np.testing.assert_array_equal(sweep.at(index).shared_images(), shared)
        used = np.flatnonzero(match[1:] > 0)
        best = find_matching(counts, "image")
        same = np.flatnonzero(best[1:] > 0)
        assert shared[used, match[used + 1] - 1].sum() == shared[same, best[same + 1] - 1].sum()
        expected, classes = compute_scores(counts, match)
        scores, swept_classes = compute_scores(sweep.at(index), match)
        assert scores == pytest.approx(expected, nan_ok=True)
        assert result["miou"][index] == pytest.approx(expected["mIoU"])
        for name, values in classes.items():
            np.testing.assert_allclose(swept_classes[name], values, rtol=1e-12)


@pytest.mark.parametrize("matching", ["image", "pixel", "majority", "identity"])
def test_every_matching_gives_its_miou(scenes, matching: str) -> None:
    images = scenes(1, 8, 4)
    result = sweep_over(images, 4, [0.2, 0.5]).compute(matching)
    for index in range(2):
        counts = LabelCounts(4, boundaries=False)
        for true, predicted, score in images:
            counts.update(np.where(score >= np.float32(result["thresholds"][index]), predicted, 0), true)
        match = find_matching(counts, matching)
        shared = counts.shared_images() if matching == "image" else counts.shared_pixels()
        if matching in ("majority", "identity"):
            np.testing.assert_array_equal(result["matches"][index], match)
        else:
            rows = np.arange(4)
            total = shared[rows, result["matches"][index][1:] - 1].sum()
            assert total == shared[rows, match[1:] - 1].sum()


def test_first_of_the_best_thresholds_is_chosen() -> None:
    sweep = ThresholdSweep(2, [0.1, 0.2, 0.3, 0.8])
    sweep.update(np.array([[1, 2, 1]]), np.array([[0, 2, 1]]), np.array([[0.15, 0.5, 0.5]], np.float32))
    result = sweep.compute()
    assert (result["best_index"], result["best_threshold"]) == (1, 0.2)
    assert result["best_miou"] == pytest.approx(100)
    np.testing.assert_allclose(result["miou"][1:3], 100)


def test_scores_are_compared_in_single_precision() -> None:
    score = np.full((2, 2), 0.21, np.float32)
    assert float(score[0, 0]) < 0.21
    for scores in (score, score.astype(np.float64)):
        sweep = ThresholdSweep(1, [0.21])
        sweep.update(np.ones((2, 2), int), np.ones((2, 2), int), scores)
        assert sweep.compute()["miou"][0] == pytest.approx(50)


def test_tensors_give_the_same_sweep(scenes) -> None:
    images = scenes(2, 5, 4)
    tensors = [
        (torch.from_numpy(t.astype(np.int64)), torch.from_numpy(c.astype(np.int64)), torch.from_numpy(s))
        for t, c, s in images
    ]
    left, right = (sweep_over(some, 4, GRIDS[2], all_scores=True) for some in (images, tensors))
    np.testing.assert_array_equal(left.compute()["miou"], right.compute()["miou"])
    for index in (0, 33, 70):
        match = left.compute()["matches"][index]
        expected = compute_scores(left.at(index), match)[0]
        assert compute_scores(right.at(index), match)[0] == pytest.approx(expected, nan_ok=True)


def test_merging_parts_equals_the_whole(scenes) -> None:
    images = scenes(4, 8, 4)
    whole = sweep_over(images, 4, GRIDS[2], all_scores=True)
    left, right = (sweep_over(images[i::2], 4, GRIDS[2], all_scores=True) for i in range(2))
    left.merge(pickle.loads(pickle.dumps(right)))
    np.testing.assert_array_equal(left.compute()["matches"], whole.compute()["matches"])
    np.testing.assert_array_equal(left.compute()["miou"], whole.compute()["miou"])
    match = whole.compute()["matches"][20]
    expected = compute_scores(whole.at(20), match)[0]
    assert compute_scores(left.at(20), match)[0] == pytest.approx(expected, nan_ok=True)


def test_memory_does_not_grow_with_images(scenes) -> None:
    images = scenes(6, 3, 4)
    sweep = sweep_over(images, 4, GRIDS[2], all_scores=True)
    once = len(pickle.dumps(sweep))
    for _ in range(20):
        for true, predicted, score in images:
            sweep.update(predicted, true, score)
    assert sweep.images == 63
    assert len(pickle.dumps(sweep)) <= once + 100


@pytest.mark.parametrize("thresholds", [[], [0.2, 0.1], [0.1, 0.1], [0.1, 0.1 + 1e-12], [[0.1, 0.2]]])
def test_thresholds_must_ascend(thresholds) -> None:
    with pytest.raises(ValueError, match="strictly ascending"):
        ThresholdSweep(3, thresholds)


@pytest.mark.parametrize(
    ("shape", "score", "predicted", "message"),
    [
        ((3, 4), 0.5, 1, r"a.JPEG: scores of shape \(3, 4\) for a map of shape \(3, 3\)"),
        ((3, 3), np.nan, 1, "a.JPEG: a foreground score is not a number"),
        ((3, 3), 0.5, 9, "a.JPEG: prediction holds id 9; expected 0..3"),
    ],
)
def test_nothing_is_counted_of_a_bad_image(shape, score: float, predicted: int, message: str) -> None:
    sweep = ThresholdSweep(3)
    with pytest.raises(ValueError, match=message):
        sweep.update(np.full((3, 3), predicted), np.ones((3, 3), int), np.full(shape, score, np.float32), "a.JPEG")
    with pytest.raises(ValueError, match="no image has been counted"):
        sweep.compute()


def test_other_scores_must_be_asked_for() -> None:
    with pytest.raises(ValueError, match="all_scores=True"):
        ThresholdSweep(3).at(0)


def test_sweeps_over_other_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match="different thresholds"):
        ThresholdSweep(3, [0.1]).merge(ThresholdSweep(3, [0.2]))


def test_unknown_matching_is_named(scenes) -> None:
    with pytest.raises(ValueError, match="matching 'best'"):
        sweep_over(scenes(0, 1, 3), 3, [0.1]).compute("best")


def test_predictions_are_taken_under_their_former_name() -> None:
    sweep = ThresholdSweep(1, [0.5])
    with pytest.warns(FutureWarning, match='"category" is called "predicted" now'):
        sweep.update(
            category=np.ones((2, 2), int), ground_truth=np.ones((2, 2), int), score=np.ones((2, 2), np.float32)
        )
    assert sweep.images == 1
