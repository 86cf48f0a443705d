# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch

from mmluss.evaluation.image_histogram import boundary_mask, boundary_width, frame_mask
from tests.test_evaluation.conftest import blocky
from tests.test_evaluation.slow_reference import boundary_labels, erode


@pytest.mark.parametrize(("height", "width", "expected"), [(375, 500, 19), (3, 4, 1), (50, 50, 2), (1000, 1, 30)])
def test_width_is_three_percent_of_the_diagonal(height: int, width: int, expected: int) -> None:
    assert boundary_width(height, width) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
@pytest.mark.parametrize(
    ("shape", "width"),
    [((40, 31), 1), ((40, 31), 3), ((9, 9), 4), ((8, 9), 4), ((1, 1), 1), ((60, 7), 3), ((5, 90), 6)],
)
def test_mask_is_what_repeated_erosion_removes(shape: tuple[int, int], width: int, dtype: type) -> None:
    labels = blocky(np.random.default_rng(0), shape, np.array([0, 1, 2, 254])).astype(dtype)
    labels[shape[0] // 2, shape[1] // 2] = 7
    expected = np.zeros(shape, bool)
    for label in np.unique(labels):
        eroded = labels == label
        for _ in range(width):
            eroded = erode(eroded)
        expected |= (labels == label) & ~eroded
    np.testing.assert_array_equal(boundary_mask(labels, width), expected)
    tensor = torch.from_numpy(labels.astype(np.int64))
    np.testing.assert_array_equal(boundary_mask(tensor, width).numpy(), expected)


def test_noise_is_all_boundary() -> None:
    labels = np.random.default_rng(1).integers(0, 900, (30, 40)).astype(np.uint16)
    assert boundary_mask(labels, 1).all()


def test_mask_agrees_with_labels_of_the_definition() -> None:
    labels = blocky(np.random.default_rng(2), (64, 48), np.array([0, 3, 1000]))
    expected = boundary_labels(labels)
    np.testing.assert_array_equal(boundary_mask(labels, boundary_width(64, 48)), expected >= 0)


@pytest.mark.parametrize("shape", [(9, 12), (3, 50), (6, 6)])
def test_frame_is_the_boundary_of_one_label(shape: tuple[int, int]) -> None:
    np.testing.assert_array_equal(frame_mask(shape, 3), boundary_mask(np.zeros(shape, np.uint8), 3))
