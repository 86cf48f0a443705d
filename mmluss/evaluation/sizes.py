# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Size of a category in an image: small, medium-small, medium-large, large."""

import numpy as np

SIZES = ("S", "MS", "ML", "L")
LARGEST_SHARES = (5, 25, 50)


def size_split(pixels: np.ndarray, total: int) -> np.ndarray:
    """Size group of each category of an image by its share of the image in percent, rounded up.

    Args:
        pixels: (n,) number of pixels of each category.
        total: Number of pixels of the image that are not ignored.

    Returns:
        (n,) int64, an index into ``SIZES``: a share of at most 5, 25, 50 percent, or above.
    """
    # The benchmark divides in single precision, which decides shares that are a hair above a limit.
    shares = np.ceil(np.float32(100) * np.asarray(pixels, np.float32) / np.float32(total))
    return np.searchsorted(LARGEST_SHARES, shares, side="left")


def size_bits(pixels: np.ndarray, ids: np.ndarray, total: int) -> np.ndarray:
    """The size groups to which the pixels of each true id of an image contribute.

    Pixels of a category count for the group of that category, pixels of 0 for every group that occurs in the image.

    Args:
        pixels: (n,) number of pixels of each true id.
        ids: (n,) distinct true ids, 0 among them or not.
        total: Number of pixels of the image that are not ignored.

    Returns:
        (n,) int64, bit s set if the pixels count for group ``SIZES[s]``.
    """
    bits = np.where((ids > 0) & (pixels > 0), 1 << size_split(pixels, max(total, 1)), 0)
    return np.where(ids == 0, np.bitwise_or.reduce(bits, initial=0), bits)
