# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Where two crops of one image show the same thing (PASS, pixel-to-pixel branch)."""

from collections.abc import Sequence

import numpy as np

_NO_OVERLAP = -2.0


def overlap_grid(rect_a: Sequence[float], rect_b: Sequence[float], size: int = 7) -> np.ndarray:
    """Sampling positions of the area that two crops share, in the coordinates of each crop.

    The shared rectangle is covered by size x size positions, its borders included; position (i, j) is the same point
    of the source image in both results. They are made for `grid_sample(..., align_corners=False)`.

    Args:
        rect_a: First crop: left, top, width, height in pixels of the source image, and flip (non-zero: mirrored).
        rect_b: Second crop, likewise.
        size: Positions per axis, at least 2.

    Returns:
        (2, size, size, 2) float32: crop, row, column, (x, y), -1..1 from edge to edge of the crop, x mirrored where
        the crop is. All -2 where the crops share no area (touching edges share none).

    Raises:
        ValueError: If a rectangle has no area or not five numbers, or if size is below 2.
    """
    rects = np.asarray([rect_a, rect_b], dtype=np.float64)
    if rects.shape != (2, 5) or (rects[:, 2:4] <= 0).any():
        raise ValueError(f"a crop is (left, top, width > 0, height > 0, flip), not {rect_a} and {rect_b}")
    if size < 2:
        raise ValueError(f"an overlap grid holds both ends of each axis, so its size is at least 2, not {size}")
    corner, extent, flip = rects[:, :2], rects[:, 2:4], rects[:, 4] != 0
    start = corner.max(axis=0)
    end = (corner + extent).min(axis=0)
    grid = np.full((2, size, size, 2), _NO_OVERLAP, dtype=np.float32)
    if (end <= start).any():
        return grid
    points = np.linspace(start, end, size)
    share = (points - corner[:, None]) / extent[:, None]
    share[flip, :, 0] = 1 - share[flip, :, 0]
    grid[..., 0] = 2 * share[:, None, :, 0] - 1
    grid[..., 1] = 2 * share[:, :, None, 1] - 1
    return grid
