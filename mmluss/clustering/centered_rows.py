# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Embeddings without what all images share."""

import numpy as np

from mmluss.clustering.kmeans import normalize_rows, row_blocks


class CenteredRows:
    """Rows with their mean taken off and brought to length 1 again, computed where they are read.

    All embeddings of a network point in much the same direction; cosines of what is left tell kinds apart better. It
    takes the place of an array that is read in slices, so that no copy of a memory map is made.

    Args:
        rows: ``(M, C)`` float16 or float32; an array or a memory map.

    Attributes:
        mean: ``(C,)`` float32.
        dtype: That of the rows; also of what is read.

    Example:
        >>> CenteredRows(np.float32([[3, 4], [3, 2]]))[:]
        array([[ 0.,  1.],
               [ 0., -1.]], dtype=float32)
    """

    def __init__(self, rows: np.ndarray) -> None:
        self._rows = rows
        self.dtype = rows.dtype
        self.shape = rows.shape
        total = np.zeros(rows.shape[1])
        for _, block in row_blocks(rows):
            total += block.sum(axis=0, dtype=np.float64)
        self.mean = (total / max(1, len(rows))).astype(np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """Centered rows ``(n, C)``; a new array."""
        return normalize_rows(np.asarray(self._rows[which], np.float32) - self.mean).astype(self.dtype)
