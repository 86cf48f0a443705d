# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The class tables of ImageNet-S and the colors that label maps are shown in."""

from functools import cache
from importlib import resources
from typing import Any

SUBSETS = (50, 300, 919)
BACKGROUND = "other"


@cache
def _smallest_subsets() -> dict[str, int | None]:
    """WordNet ids of all ILSVRC-2012 categories in their order, each with the smallest subset that has it."""
    lines = resources.files("mmluss.datasets").joinpath("wordnet_ids.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {wordnet_id: None if subset == "-" else int(subset) for wordnet_id, subset in rows}


def subset_categories(subset: int) -> tuple[str, ...]:
    """WordNet ids of a subset of ImageNet-S; the category at position p has id p + 1.

    Args:
        subset: 50, 300 or 919.

    Returns:
        ``subset`` WordNet ids, sorted.

    Raises:
        ValueError: For another subset.
    """
    if subset not in SUBSETS:
        raise ValueError(f"ImageNet-S has the subsets {', '.join(map(str, SUBSETS))}, not {subset!r}")
    return tuple(name for name, smallest in _smallest_subsets().items() if smallest is not None and smallest <= subset)


def category_names(categories: tuple[str, ...]) -> tuple[str, ...]:
    """English names of ILSVRC categories; any other category keeps its own name.

    Args:
        categories: WordNet ids or folder names.

    Returns:
        As many names, in the same order.
    """
    # Imported late: mmpretrain takes seconds to import and most users of the tables need no names.
    from mmpretrain.datasets.categories import IMAGENET_SIMPLE_CATEGORIES

    names = dict(zip(_smallest_subsets(), IMAGENET_SIMPLE_CATEGORIES, strict=True))
    return tuple(names.get(category, category) for category in categories)


def palette(num: int) -> list[list[int]]:
    """Distinct colors for ids 0..num-1; 0 is black. These are PASCAL VOC's colors, carried on beyond 256.

    The bits of an id are dealt out to red, green and blue in turn, from the brightest bit of each downwards.

    Args:
        num: Number of colors, at most 2 ** 24.

    Returns:
        ``num`` times [red, green, blue], each 0..255.
    """
    return [
        [sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)]
        for index in range(num)
    ]


def cluster_names(num_clusters: int) -> tuple[str, ...]:
    """Names by id of clusters that nobody named yet: other, cluster 1, cluster 2, ...

    Args:
        num_clusters: K.

    Returns:
        K + 1 names.
    """
    return (BACKGROUND, *(f"cluster {index}" for index in range(1, num_clusters + 1)))


def cluster_metainfo(num_clusters: int) -> dict[str, Any]:
    """Meta information of a data set whose ids are clusters, not categories.

    Args:
        num_clusters: K.

    Returns:
        ``classes``, ``names`` and ``palette`` by id, K + 1 of each, and ``num_clusters``, which says what the ids are.
    """
    names = cluster_names(num_clusters)
    return dict(classes=names, names=names, palette=palette(len(names)), num_clusters=num_clusters)
