# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.evaluation.image_histogram import SIZES, size_bits, size_split


@pytest.mark.parametrize(
    ("pixels", "total", "expected"),
    [
        (1, 100, "S"),
        (5, 100, "S"),
        (6, 100, "MS"),
        (501, 10000, "MS"),
        (25, 100, "MS"),
        (26, 100, "ML"),
        (50, 100, "ML"),
        (51, 100, "L"),
        (100, 100, "L"),
        (7, 140, "S"),
        (1, 20, "S"),
    ],
)
def test_share_is_rounded_up(pixels: int, total: int, expected: str) -> None:
    assert SIZES[size_split(np.array([pixels]), total)[0]] == expected


def test_shares_agree_with_exact_arithmetic() -> None:
    for total in (100, 333, 187_500):
        pixels = np.unique(np.linspace(1, total, 500).astype(int))
        percent = -(-100 * pixels // total)
        expected = np.select([percent <= 5, percent <= 25, percent <= 50], [0, 1, 2], 3)
        np.testing.assert_array_equal(size_split(pixels, total), expected)


def test_background_counts_for_all_sizes_that_occur() -> None:
    bits = size_bits(np.array([60, 4, 30, 6]), np.array([0, 2, 5, 9]), 100)
    np.testing.assert_array_equal(bits, [0b0111, 0b0001, 0b0100, 0b0010])


def test_image_without_object_counts_for_no_size() -> None:
    np.testing.assert_array_equal(size_bits(np.array([100]), np.array([0]), 100), [0])
    assert len(size_bits(np.zeros(0, int), np.zeros(0, int), 0)) == 0
