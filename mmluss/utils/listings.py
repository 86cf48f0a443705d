# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Long lists in messages: the first of them, and how many more there are."""

from collections.abc import Sequence


def shorten(items: Sequence[object], limit: int = 5) -> str:
    """The first items of a list, separated by commas, and how many more there are.

    Example:
        >>> shorten([3, 1, 2], 2)
        '3, 1 and 1 more'
    """
    shown = ", ".join(map(str, items[:limit]))
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
