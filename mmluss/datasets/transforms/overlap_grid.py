# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Where two crops of one image show the same thing (PASS, pixel-to-pixel branch)."""

from collections.abc import Sequence

import numpy as np

_NO_OVERLAP = -2.0


def overlap_grid(rect_a: Sequence[float], rect_b: Sequence[float], size: int = 7) -> np.ndarray:
    """Sampling positions of the area that two crops share, in the coordinates of each crop.

    The shared rectangle is covered by size x size positions, its borders included; position ``(i, j)`` is the same
    point of the source image in both results. They are made for ``grid_sample(..., align_corners=False)``.

    Args:
        rect_a: First crop: left, top, width, height in pixels of the source image, and flip (non-zero: mirrored).
        rect_b: Second crop, likewise.
        size: Positions per axis, at least 2.

    Returns:
        ``(2, size, size, 2)`` float32: crop, row, column, ``(x, y)``, -1..1 from edge to edge of the crop, x mirrored
        where the crop is. All -2 where the crops share no area (touching edges share none).

    Raises:
        ValueError: If a rectangle has no area or not five numbers, or if size is below 2.

    Example:
        >>> grid = overlap_grid((0, 0, 8, 8, 0), (4, 0, 8, 8, 0), size=3)
        >>> grid[0, 0, :, 0].tolist(), grid[1, 0, :, 0].tolist()
        ([0.0, 0.5, 1.0], [-1.0, -0.5, 0.0])
    """
    if any(len(rect) != 5 or rect[2] <= 0 or rect[3] <= 0 for rect in (rect_a, rect_b)):
        raise ValueError(f"a crop is (left, top, width > 0, height > 0, flip), not {rect_a} and {rect_b}")
    if size < 2:
        raise ValueError(f"an overlap grid holds both ends of each axis, so its size is at least 2, not {size}")
    left, right = max(rect_a[0], rect_b[0]), min(rect_a[0] + rect_a[2], rect_b[0] + rect_b[2])
    top, bottom = max(rect_a[1], rect_b[1]), min(rect_a[1] + rect_a[3], rect_b[1] + rect_b[3])
    grid = np.full((2, size, size, 2), _NO_OVERLAP, dtype=np.float32)
    if right <= left or bottom <= top:
        return grid
    steps = np.arange(size) / (size - 1)
    x, y = left + (right - left) * steps, top + (bottom - top) * steps
    for place, (crop_left, crop_top, width, height, flip) in enumerate((rect_a, rect_b)):
        relative_x = 2 * (x - crop_left) / width - 1
        grid[place, :, :, 0] = -relative_x if flip else relative_x
        grid[place, :, :, 1] = (2 * (y - crop_top) / height - 1)[:, None]
    return grid
