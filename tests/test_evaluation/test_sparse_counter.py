# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import copy

import numpy as np
import pytest

from mmluss.evaluation.counts import SparseCounter


@pytest.mark.parametrize("buffer", [1, 7, 1 << 18])
def test_counts_equal_those_of_a_dense_array(buffer: int) -> None:
    rng = np.random.default_rng(0)
    shape = (5, 7, 3)
    counter, dense = SparseCounter(shape, buffer), np.zeros(shape, np.int64)
    for _ in range(30):
        indices = tuple(rng.integers(0, size, 9) for size in shape)
        counts = rng.integers(-2, 3, 9)
        counter.add(indices, counts)
        np.add.at(dense, indices, counts)
    *places, counts = counter.entries()
    expected = np.nonzero(dense)
    for axis, place in zip(expected, places, strict=True):
        np.testing.assert_array_equal(place, axis)
    np.testing.assert_array_equal(counts, dense[expected])


def test_merge_and_copy_keep_counts() -> None:
    left, right = SparseCounter((4, 4)), SparseCounter((4, 4))
    left.add((np.array([1, 1]), np.array([2, 3])), np.array([5, 1]))
    right.add((np.array([1, 0]), np.array([2, 0])), np.array([4, -1]))
    left.merge(copy.deepcopy(right))
    assert [axis.tolist() for axis in left.entries()] == [[0, 1, 1], [0, 2, 3], [-1, 9, 1]]
    assert right.entries()[2].tolist() == [-1, 4]


def test_a_merged_counter_may_count_on() -> None:
    left, right = SparseCounter((4,)), SparseCounter((4,), buffer=0)
    right.add((np.array([2]),), np.array([5]))
    left.merge(right)
    right.add((np.array([2]),), np.array([1]))
    assert [axis.tolist() for axis in left.entries()] == [[2], [5]]


def test_empty_counter_has_no_entries() -> None:
    assert [len(axis) for axis in SparseCounter((3, 3)).entries()] == [0, 0, 0]


def test_counts_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) cannot be added to counts of shape \(4,\)"):
        SparseCounter((4,)).merge(SparseCounter((3,)))


def test_memory_grows_with_distinct_keys_only() -> None:
    counter = SparseCounter((1 << 20, 1 << 20), buffer=1000)
    keys = np.arange(100), np.arange(100)
    for _ in range(1000):
        counter.add(keys, np.ones(100, np.int64))
    assert counter._num_waiting <= 1100
    assert counter.entries()[2].tolist() == [1000] * 100


def test_memory_grows_with_distinct_places_only() -> None:
    counter = SparseCounter((10, 10))
    for _ in range(100):
        counter.add((np.arange(10), np.arange(10)), np.ones(10, np.int64))
    assert counter.nbytes == 10 * 12


def test_many_small_arrays_do_not_wait() -> None:
    counter = SparseCounter((10, 10))
    for _ in range(5000):
        counter.add((np.array([3]), np.array([4])), np.ones(1, np.int64))
    assert len(counter._waiting) <= 1025
    assert [axis.tolist() for axis in counter.entries()] == [[3], [4], [5000]]


@pytest.mark.parametrize("count", [1 << 31, (1 << 31) - 1, -(1 << 31), 1 << 40])
def test_counts_beyond_32_bits_are_exact(count: int) -> None:
    counter = SparseCounter((1 << 16, 1 << 16), buffer=0)
    last = np.array([(1 << 16) - 1])
    for _ in range(3):
        counter.add((last, last), np.array([count]))
        counter.add((last - 1, last), np.array([1]))
    assert [axis.tolist() for axis in counter.entries()] == [[65534, 65535], [65535, 65535], [3, 3 * count]]


def test_keys_beyond_32_bits_are_exact() -> None:
    counter = SparseCounter((1 << 31, 1 << 31))
    counter.add((np.array([(1 << 31) - 1]), np.array([(1 << 31) - 1])), np.array([2]))
    assert [axis.tolist() for axis in counter.entries()] == [[(1 << 31) - 1], [(1 << 31) - 1], [2]]
