# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest

from mmluss.utils.listings import shorten


@pytest.mark.parametrize(
    ("items", "limit", "text"),
    [
        ([], 3, ""),
        (["a"], 1, "a"),
        (["a", "b"], 1, "a and 1 more"),
        ([5, 6, 7], 3, "5, 6, 7"),
        ([5, 6, 7], 2, "5, 6 and 1 more"),
    ],
)
def test_long_lists_are_cut(items, limit, text):
    assert shorten(items, limit) == text
