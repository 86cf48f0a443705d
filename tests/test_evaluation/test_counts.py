# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch

from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.image_histogram import f_measure
from mmluss.evaluation.merged_counts import MergedCounts
from mmluss.evaluation.scores import compute_scores, find_matching
from tests.test_evaluation.slow_reference import slow_scores


def count(kind: type[LabelCounts], images: list, num: int, **settings) -> LabelCounts:
    counts = kind(num, **settings)
    for true, predicted, _ in images:
        counts.update(predicted, true)
    return counts


@pytest.mark.parametrize("kind", [LabelCounts, MergedCounts])
@pytest.mark.parametrize(("num", "num_clusters"), [(4, 4), (3, 7), (6, 3), (300, 300)])
def test_scores_equal_the_definition(scenes, kind: type[LabelCounts], num: int, num_clusters: int) -> None:
    images = scenes(num, 12 if num < 10 else 2, num, num_clusters)
    counts = count(kind, images, num, num_clusters=num_clusters)
    for matching in ("image", "pixel"):
        match = find_matching(counts, matching)
        table = np.where(match >= 0, match, num + np.arange(len(match)))
        expected = slow_scores([image[0] for image in images], [table[image[1]] for image in images], num)
        scores, _ = compute_scores(counts, match)
        assert scores == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("num", "num_clusters"), [(4, 4), (3, 12), (2, 40)])
def test_merged_ids_score_as_if_they_were_one(scenes, num: int, num_clusters: int) -> None:
    images = scenes(num, 6, num, num_clusters)
    counts = count(MergedCounts, images, num, num_clusters=num_clusters)
    rng = np.random.default_rng(0)
    for match in (find_matching(counts, "majority"), np.r_[0, rng.integers(1, num + 1, num_clusters)]):
        table = np.where(match >= 0, match, num + np.arange(len(match)))
        expected = slow_scores([image[0] for image in images], [table[image[1]] for image in images], num)
        scores, _ = compute_scores(counts, match)
        assert scores == pytest.approx(expected, nan_ok=True)


def test_merging_ids_is_refused_where_it_was_not_counted(scenes) -> None:
    counts = count(LabelCounts, scenes(0, 6, 3), 3)
    with pytest.raises(ValueError, match="count with MergedCounts"):
        compute_scores(counts, np.array([0, 1, 1, 1]))


@pytest.mark.parametrize("kind", [LabelCounts, MergedCounts])
def test_tensors_give_the_same_scores(scenes, kind: type[LabelCounts]) -> None:
    images = scenes(3, 6, 5)
    tensors = [tuple(torch.from_numpy(m.astype(np.int64)) for m in image[:2]) + image[2:] for image in images]
    left, right = (count(kind, some, 5) for some in (images, tensors))
    match = find_matching(left, "image")
    np.testing.assert_array_equal(find_matching(right, "image"), match)
    assert compute_scores(right, match)[0] == pytest.approx(compute_scores(left, match)[0], nan_ok=True)


@pytest.mark.parametrize("kind", [LabelCounts, MergedCounts])
def test_merging_parts_equals_the_whole(scenes, kind: type[LabelCounts]) -> None:
    images = scenes(5, 9, 5)
    whole = count(kind, images, 5)
    parts = [count(kind, images[i::3], 5) for i in range(3)]
    total = kind(5)
    for part in parts:
        total.merge(part)
    match = find_matching(whole, "majority" if kind is MergedCounts else "image")
    assert compute_scores(total, match)[0] == pytest.approx(compute_scores(whole, match)[0], nan_ok=True)
    assert total.images == 9
    assert total.ignored_pixels == whole.ignored_pixels > 0
    np.testing.assert_array_equal(total.images_with, whole.images_with)


def test_counts_with_other_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be added"):
        LabelCounts(3).merge(LabelCounts(4))


def test_smallest_category_wins_a_tie() -> None:
    predicted = np.repeat(np.array([[1, 2]], np.uint16), 4, axis=0)
    for kind in (LabelCounts, MergedCounts):
        counts = kind(2)
        counts.update(predicted, np.full_like(predicted, 1))
        assert counts.hits(np.array([0, 2, 1])) == counts.hits(np.array([0, 1, 2])) == 1
        assert counts.hits(np.array([0, 2, -1])) == 0


def test_ignored_area_makes_ids_present_on_demand_only() -> None:
    predicted, true = np.array([[1, 2]], np.uint16), np.array([[1, 1000]], np.uint16)
    for ignored, expected in ((False, [[1, 0], [0, 0]]), (True, [[1, 0], [1, 0]])):
        counts = LabelCounts(2, count_ignored_area=ignored)
        counts.update(predicted, true)
        assert counts.shared_images().tolist() == expected
        assert counts.shared_pixels().tolist() == [[1, 0], [0, 0]]


def test_ignored_image_counts_as_an_image() -> None:
    counts = LabelCounts(2)
    counts.update(np.array([[1, 1]], np.uint16), np.array([[1, 1]], np.uint16))
    counts.update(np.array([[1, 2]], np.uint16), np.array([[1000, 1000]], np.uint16))
    scores, classes = compute_scores(counts, np.arange(3))
    assert scores["Acc"] == scores["FMeasure"] == 50
    assert scores["mIoU"] == pytest.approx(100 / 3)
    assert classes["pixels"].tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        (np.full((3, 3), 4), np.zeros((3, 3), int), "n1/a.JPEG: prediction holds id 4"),
        (np.zeros((3, 3), int), np.full((3, 3), 7), "n1/a.JPEG: ground truth holds id 7"),
        (np.zeros((3, 3), int), np.zeros((3, 4), int), "n1/a.JPEG: prediction of shape"),
    ],
)
@pytest.mark.parametrize("kind", [LabelCounts, MergedCounts])
def test_nothing_is_counted_of_a_bad_image(kind: type[LabelCounts], predicted, true, message: str) -> None:
    counts = kind(3)
    with pytest.raises(ValueError, match=message):
        counts.update(predicted, true, "n1/a.JPEG")
    with pytest.raises(ValueError, match="no image has been counted"):
        compute_scores(counts, np.arange(4))


@pytest.mark.parametrize("num", [0, 1000])
def test_number_of_categories_is_checked(num: int) -> None:
    with pytest.raises(ValueError, match=f"{num} categories; expected 1..999"):
        LabelCounts(num)


def test_unknown_matching_is_named() -> None:
    with pytest.raises(ValueError, match="matching 'best'; expected one of 'image', 'pixel'"):
        find_matching(LabelCounts(3), "best")


def test_f_measure_weighs_precision() -> None:
    assert f_measure(2, 4, 8) == pytest.approx(1.3 * 0.5 * 0.25 / (0.3 * 0.5 + 0.25))
    assert f_measure(0, 0, 0) == f_measure(0, 5, 0) == f_measure(0, 0, 5) == 0


@pytest.mark.parametrize("count_ignored_area", [False, True])
def test_shared_images_equal_a_double_loop(scenes, count_ignored_area: bool) -> None:
    images = scenes(3, 20, 5, 8)
    counts = LabelCounts(5, 8, count_ignored_area=count_ignored_area)
    expected = np.zeros((8, 5), int)
    for true, predicted, *_ in images:
        counts.update(predicted, true)
        seen = predicted if count_ignored_area else predicted[true != 1000]
        for i in range(1, 9):
            for j in range(1, 6):
                expected[i - 1, j - 1] += (seen == i).any() and (true == j).any()
    np.testing.assert_array_equal(counts.shared_images(), expected)
