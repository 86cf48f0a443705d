# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What must hold for any data set."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mmluss.evaluation import LabelCounts, ThresholdSweep
from mmluss.evaluation.matching import assign_one_to_one
from mmluss.evaluation.merged_counts import MergedCounts
from mmluss.evaluation.scores import compute_scores, find_matching

NUM = 4
few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@st.composite
def label_images(draw: st.DrawFn) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Images (true, predicted, score) that agree on most pixels."""
    images = []
    for _ in range(draw(st.integers(2, 6))):
        shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
        blocks = arrays.arrays(np.int64, shape, elements=st.sampled_from([0, 0, 1, 2, 3, NUM]), fill=st.just(0))
        true = draw(blocks)
        agree = draw(arrays.arrays(bool, shape, elements=st.booleans(), fill=st.just(True)))
        predicted = np.where(agree, true, draw(blocks))
        ignored = draw(arrays.arrays(bool, shape, elements=st.booleans(), fill=st.just(False)))
        score = draw(arrays.arrays(np.float32, shape, elements=st.sampled_from([0.1, 0.25, 0.5, 0.9])))
        images.append((np.where(ignored, 1000, true), predicted, score.astype(np.float32)))
    return images


def counted(images: list, kind: type[LabelCounts] = LabelCounts) -> LabelCounts:
    counts = kind(NUM)
    for true, predicted, _ in images:
        counts.update(predicted, true)
    return counts


def is_unique(shared: np.ndarray) -> bool:
    """Whether every best assignment agrees on all pairs that share something."""
    match = assign_one_to_one(shared)[1:] - 1
    best = shared[np.arange(NUM), match].sum()
    for row in range(NUM):
        if shared[row, match[row]] > 0:
            without = shared.astype(float)
            without[row, match[row]] = -1e9
            other = assign_one_to_one(without)[1:] - 1
            if without[np.arange(NUM), other].sum() >= best:
                return False
    return True


@few
@given(label_images(), st.permutations(range(1, NUM + 1)), st.sampled_from(["image", "pixel", "majority"]))
def test_names_of_predicted_ids_do_not_matter(images: list, order: list[int], matching: str) -> None:
    table = np.array([0, *order])
    renamed = [(true, table[predicted], score) for true, predicted, score in images]
    kind = MergedCounts if matching == "majority" else LabelCounts
    left, right = counted(images, kind), counted(renamed, kind)
    if matching != "majority":
        assume(is_unique(left.shared_images() if matching == "image" else left.shared_pixels()))
        # A tie goes to the smallest category, and that of an id that shares nothing is arbitrary.
        assume(not left.ties)
    expected, _ = compute_scores(left, find_matching(left, matching))
    scores, _ = compute_scores(right, find_matching(right, matching))
    assert scores == pytest.approx(expected, nan_ok=True)


@few
@given(label_images(), st.booleans())
def test_ground_truth_scores_100_on_what_occurs(images: list, as_matching: bool) -> None:
    perfect = [(true, np.where(true == 1000, 0, true), score) for true, _, score in images]
    counts = counted(perfect)
    match = find_matching(counts, "image") if as_matching else np.arange(NUM + 1)
    if as_matching:
        assume(is_unique(counts.shared_images()))
        occurring = np.flatnonzero(counts.images_with[1:]) + 1
        assume((match[occurring] == occurring).all())
    scores, classes = compute_scores(counts, match)
    occurs = np.zeros(NUM + 1, bool)
    for true, _, _ in images:
        occurs[np.unique(true[true != 1000])] = True
    np.testing.assert_allclose(classes["IoU"], np.where(occurs, 100, 0))
    assert scores["mIoU"] == pytest.approx(100 * occurs.sum() / (NUM + 1))
    for size in ("S", "MS", "ML", "L"):
        assert np.isnan(scores[size]) or scores[size] == pytest.approx(100)
    with_objects = sum(bool(((true > 0) & (true != 1000)).any()) for true, _, _ in images)
    assert scores["Acc"] == pytest.approx(100 * with_objects / len(images))
    assert scores["FMeasure"] == pytest.approx(100 * with_objects / len(images))
    if all((true != 1000).all() for true, _, _ in images):
        np.testing.assert_allclose(classes["BIoU"], np.where(occurs, 100, 0))


@few
@given(label_images(), st.data())
def test_halves_add_up_to_the_whole(images: list, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(images)))
    whole, left, right = counted(images), counted(images[:cut]), counted(images[cut:])
    left.merge(right)
    match = find_matching(whole, "image")
    np.testing.assert_array_equal(find_matching(left, "image"), match)
    assert compute_scores(left, match)[0] == pytest.approx(compute_scores(whole, match)[0], nan_ok=True)


@few
@given(label_images(), st.sampled_from([-1.0, 0.1, 0.2, 0.5, 0.9, 1.5]))
def test_sweep_at_one_threshold_is_the_plain_metric(images: list, threshold: float) -> None:
    sweep = ThresholdSweep(NUM, [threshold], all_scores=True)
    for true, predicted, score in images:
        sweep.update(predicted, true, score)
    cut = [(true, np.where(score >= np.float32(threshold), predicted, 0), score) for true, predicted, score in images]
    counts = counted(cut)
    match = find_matching(counts, "image")
    result = sweep.compute()
    np.testing.assert_array_equal(result["matches"][0], match)
    scores, _ = compute_scores(sweep.at(0), match)
    assert scores == pytest.approx(compute_scores(counts, match)[0], nan_ok=True)
    assert result["miou"][0] == pytest.approx(scores["mIoU"])
