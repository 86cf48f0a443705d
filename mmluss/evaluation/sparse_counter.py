# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A sum of counts over a huge range of keys of which few occur."""

import math

import numpy as np

MAX_WAITING_ARRAYS = 1024


class SparseCounter:
    """Counts by integer key, kept as two sorted arrays; memory grows with the number of distinct keys only.

    A key is the index into an array of a fixed shape that would be far too large to allocate. An entry takes 8 bytes as
    long as keys and counts fit in 32 bits each.

    Args:
        shape: Sizes of the axes; their product must fit in 63 bits.
        buffer: Number of added entries that may wait before they are summed up.
    """

    def __init__(self, shape: tuple[int, ...], buffer: int = 1 << 16) -> None:
        self.shape = tuple(int(size) for size in shape)
        self.buffer = buffer
        self._keys = np.zeros(0, np.uint32 if math.prod(self.shape) <= 1 << 32 else np.int64)
        self._counts = np.zeros(0, np.int32)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._num_waiting = 0

    def add(self, indices: tuple[np.ndarray, ...], counts: np.ndarray) -> None:
        """Add counts at some places.

        Args:
            indices: One integer array (n,) for every axis.
            counts: (n,) integers, negative ones too; they must not change afterwards.
        """
        keys = np.zeros(len(counts), np.int64)
        for axis, size in zip(indices, self.shape, strict=True):
            keys = keys * size + axis
        self._add(keys, counts)

    def merge(self, other: "SparseCounter") -> None:
        """Add all counts of another counter of the same shape."""
        if self.shape != other.shape:
            raise ValueError(f"counts of shape {other.shape} cannot be added to counts of shape {self.shape}")
        other._sum_up()
        self._add(other._keys, other._counts.copy())

    @property
    def nbytes(self) -> int:
        """Memory of the counts in bytes."""
        self._sum_up()
        return self._keys.nbytes + self._counts.nbytes

    def entries(self) -> tuple[np.ndarray, ...]:
        """Places with a count other than zero, ascending, then the counts: (n,) int64 arrays, one an axis, one more."""
        self._sum_up()
        axes = []
        keys = self._keys
        for size in reversed(self.shape):
            keys, axis = np.divmod(keys, size)
            axes.append(axis.astype(np.int64))
        return (*reversed(axes), self._counts.astype(np.int64))

    def _add(self, keys: np.ndarray, counts: np.ndarray) -> None:
        self._waiting.append((keys, counts))
        self._num_waiting += len(keys)
        if self._num_waiting > self.buffer or len(self._waiting) > MAX_WAITING_ARRAYS:
            self._sum_up()

    def _sum_up(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate([keys for keys, _ in self._waiting])
        counts = np.concatenate([counts for _, counts in self._waiting])
        self._waiting, self._num_waiting = [], 0
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        keys, counts = keys[starts], np.add.reduceat(counts[order], starts) if len(starts) else counts
        keys = keys.astype(self._keys.dtype)
        if _largest(self._counts) + _largest(counts) > np.iinfo(self._counts.dtype).max:
            self._counts = self._counts.astype(np.int64)
        # What is new is inserted, the rest is added in place: sorting all again would take four times the memory.
        places = np.searchsorted(self._keys, keys)
        known = places < len(self._keys)
        known[known] = self._keys[places[known]] == keys[known]
        self._counts[places[known]] += counts[known].astype(self._counts.dtype)
        new = ~known & (counts != 0)
        self._keys = np.insert(self._keys, places[new], keys[new])
        self._counts = np.insert(self._counts, places[new], counts[new])
        kept = self._counts != 0
        if not kept.all():
            self._keys, self._counts = self._keys[kept], self._counts[kept]

    def __getstate__(self) -> dict:
        self._sum_up()
        return self.__dict__


def _largest(counts: np.ndarray) -> int:
    return int(max(counts.max(initial=0), -int(counts.min(initial=0))))
