# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch

from mmluss.evaluation.image_histogram import check_ids, image_histogram
from tests.test_evaluation.slow_reference import boundary_labels


@pytest.mark.parametrize("boundaries", [True, False])
def test_histogram_counts_every_pixel_once(scenes, boundaries: bool) -> None:
    for true, predicted, _ in scenes(0, 4, 5):
        histogram = image_histogram(predicted, true, boundaries)
        on_true, on_predicted = boundary_labels(true) >= 0, boundary_labels(predicted) >= 0
        if not boundaries:
            on_true, on_predicted = np.zeros_like(on_true), np.zeros_like(on_true)
        assert histogram.pixels.sum() == true.size
        for p, i in enumerate(histogram.predicted):
            for t, j in enumerate(histogram.true):
                for a in (False, True):
                    for b in (False, True):
                        both = (predicted == i) & (true == j) & (on_true == a) & (on_predicted == b)
                        assert histogram.pixels[p, t, int(a), int(b)] == both.sum()


@pytest.mark.parametrize("boundaries", [True, False])
def test_tensors_give_the_same_histogram(scenes, boundaries: bool) -> None:
    for true, predicted, _ in scenes(1, 3, 5):
        expected = image_histogram(predicted, true, boundaries)
        found = image_histogram(
            torch.from_numpy(predicted.astype(np.int64)), torch.from_numpy(true.astype(np.int64)), boundaries
        )
        np.testing.assert_array_equal(found.predicted, expected.predicted)
        np.testing.assert_array_equal(found.true, expected.true)
        np.testing.assert_array_equal(found.pixels, expected.pixels)


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        (np.zeros((4, 5), int), np.zeros((5, 4), int), r"a.png: prediction of shape \(4, 5\), ground truth.* \(5, 4\)"),
        (np.zeros((0, 5), int), np.zeros((0, 5), int), "a.png: .*expected two label maps"),
        (np.zeros((1, 4, 5), int), np.zeros((1, 4, 5), int), "a.png: .*expected two label maps"),
        (np.zeros((4, 5)), np.zeros((4, 5), int), "a.png: prediction of dtype float64; expected integer ids"),
        (np.zeros((4, 5), int), np.zeros((4, 5), bool), "a.png: ground truth of dtype bool"),
    ],
)
def test_maps_that_cannot_be_compared_are_named(predicted, true, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image_histogram(predicted, true, True, "a.png")


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        ([0, 4], [0, 3], "a.png: prediction holds id 4; expected 0..3 \\(num_clusters\\)$"),
        ([-1, 2], [0, 3], "a.png: prediction holds id -1"),
        ([0], [5], "a.png: ground truth holds id 5; expected 0..4 or 1000 = ignored"),
        ([0], [4, 999, 1000], "a.png: ground truth holds id 999"),
        ([0], [1001], "a.png: ground truth holds id 1001"),
    ],
)
def test_ids_out_of_range_are_named(predicted: list[int], true: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_ids(np.array(predicted), np.array(true), 3, 4, "a.png")
    check_ids(np.array([0, 3]), np.array([0, 4, 1000]), 3, 4, "a.png")
