# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmluss.datasets.transforms.overlap_grid import overlap_grid

rects = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(1, 300), st.integers(1, 300), st.booleans())


def _to_source(grid: np.ndarray, rect: tuple) -> np.ndarray:
    left, top, width, height, flip = rect
    x, y = (grid[..., 0] + 1) / 2, (grid[..., 1] + 1) / 2
    return np.stack([left + width * (1 - x if flip else x), top + height * y], axis=-1)


@settings(deadline=None)
@given(rects, rects, st.integers(2, 9))
def test_both_crops_sample_the_same_source_points(rect_a, rect_b, size):
    grid = overlap_grid(rect_a, rect_b, size)
    assert grid.shape == (2, size, size, 2) and grid.dtype == np.float32
    left, right = max(rect_a[0], rect_b[0]), min(rect_a[0] + rect_a[2], rect_b[0] + rect_b[2])
    top, bottom = max(rect_a[1], rect_b[1]), min(rect_a[1] + rect_a[3], rect_b[1] + rect_b[3])
    if right <= left or bottom <= top:
        assert (grid == -2).all()
        return
    points = np.stack(np.meshgrid(np.linspace(left, right, size), np.linspace(top, bottom, size)), axis=-1)
    for side, rect in enumerate((rect_a, rect_b)):
        np.testing.assert_allclose(_to_source(grid[side], rect), points, atol=1e-3)


def test_grid_sample_reads_the_same_pixels_from_both_crops():
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(80.0), indexing="ij")
    source = torch.stack([columns, rows])
    rect_a, rect_b = (5, 10, 50, 40, 0), (20, 4, 56, 50, 1)
    grid = torch.from_numpy(overlap_grid(rect_a, rect_b))
    sampled = []
    for side, (left, top, width, height, flip) in enumerate((rect_a, rect_b)):
        crop = source[:, top : top + height, left : left + width]
        crop = crop.flip(2) if flip else crop
        sampled.append(torch.nn.functional.grid_sample(crop[None], grid[side : side + 1], align_corners=False)[0])
    # The outermost positions lie on a crop's edge, where the zeros outside are half of what is sampled.
    torch.testing.assert_close(sampled[0][:, 1:-1, 1:-1], sampled[1][:, 1:-1, 1:-1], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("rect", "size", "message"),
    [
        ((0, 0, 0, 5, 0), 7, "width > 0"),
        ((0, 0, 5, 5), 7, "left, top"),
        ((0, 0, 5, 5, 0), 1, "at least 2, not 1"),
    ],
)
def test_bad_input(rect, size, message):
    with pytest.raises(ValueError, match=message):
        overlap_grid(rect, rect, size)
