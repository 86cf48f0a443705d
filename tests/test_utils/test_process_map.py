# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math
import os

import pytest

from mmluss.utils.process_map import process_map


def process_of(_: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("processes", [0, 1])
def test_one_process_is_this_one(processes):
    assert set(process_map(process_of, range(3), processes)) == {os.getpid()}


def test_results_of_other_processes_come_in_order():
    assert list(process_map(math.factorial, range(6), 2, chunk=2)) == [1, 1, 2, 6, 24, 120]
    assert os.getpid() not in set(process_map(process_of, range(2), 2))
