# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Which category a predicted id stands for: assignments and the file that keeps them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mmluss.datasets.categories import cluster_metainfo, palette
from mmluss.utils.atomic_files import replace_file

UNMATCHED = -1
_MOST_ID = 0xFFFF


MATCH_FILE = "match.json"
"""Where a matching is kept, beside the scores, and in an archive for the evaluation server."""


def assign_one_to_one(counts: np.ndarray) -> np.ndarray:
    """One-to-one assignment of predicted ids to categories with the largest total count.

    Args:
        counts: ``(K, N)`` non-negative; images or pixels that predicted id i + 1 and category j + 1 share.

    Returns:
        Int64 ``(K + 1,)``, the category of each predicted id: 0 for 0, and ``UNMATCHED`` for the K - N predicted ids
        that are left over where K > N. Predicted ids that share nothing with any free category get an arbitrary free
        one.

    Example:
        >>> assign_one_to_one(np.array([[5, 4], [9, 0]])).tolist()
        [0, 2, 1]
    """
    match = np.full(counts.shape[0] + 1, UNMATCHED, np.int64)
    match[0] = 0
    # Ids that share nothing would make up most of the work and can have any place that is left.
    rows, columns = np.flatnonzero(counts.any(axis=1)), np.flatnonzero(counts.any(axis=0))
    chosen = linear_sum_assignment(counts[np.ix_(rows, columns)], maximize=True)
    rows, columns = rows[chosen[0]], columns[chosen[1]]
    match[rows + 1] = columns + 1
    free_rows = np.setdiff1d(np.arange(counts.shape[0]), rows)
    free_columns = np.setdiff1d(np.arange(counts.shape[1]), columns)
    left = min(len(free_rows), len(free_columns))
    match[free_rows[:left] + 1] = free_columns[:left] + 1
    return match


def assign_majority(counts: np.ndarray) -> np.ndarray:
    """Many-to-one assignment: each predicted id goes to the category it shares most with (the smallest of several).

    Args:
        counts: ``(K, N)`` non-negative; images or pixels that predicted id i + 1 and category j + 1 share.

    Returns:
        Int64 ``(K + 1,)``, the category of each predicted id: 0 for 0, and ``UNMATCHED`` for ids that share nothing.

    Example:
        >>> assign_majority(np.array([[5, 4], [9, 0]])).tolist()
        [0, 1, 1]
    """
    match = np.full(counts.shape[0] + 1, UNMATCHED, np.int64)
    match[0] = 0
    if counts.size:
        match[1:] = np.where(counts.max(axis=1) > 0, counts.argmax(axis=1) + 1, UNMATCHED)
    return match


def match_to_json(match: np.ndarray) -> str:
    """The text of ``match.json``: predicted id (ascending) to category, then "0": 0; unmatched ids are left out.

    Args:
        match: ``(K + 1,)`` as the assignments return it.
    """
    pairs = {str(i): int(match[i]) for i in range(1, len(match)) if match[i] != UNMATCHED}
    return json.dumps({**pairs, "0": int(match[0])})


def write_match(path: str | os.PathLike, match: np.ndarray) -> None:
    """Write a matching to a JSON file, whole or not at all.

    Args:
        path: The file to write; its folder is made if need be.
        match: ``(K + 1,)`` as the assignments return it.
    """
    with replace_file(path) as file:
        file.write(match_to_json(match).encode())


def read_match(path: str | os.PathLike, num_categories: int) -> np.ndarray:
    """Read a matching from a JSON file, ``{"0": 0, "predicted id": category, ...}``.

    Args:
        path: The file to read.
        num_categories: Number of categories N, 0 aside.

    Returns:
        Int64 ``(K + 1,)``, K the largest predicted id in the file; predicted ids without an entry are ``UNMATCHED``,
        and 0 without an entry goes to 0.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a JSON object of integers, a predicted id is too large or stands there twice, or
            a category is not in ``0..num_categories``.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such matching; a test with matching='image' writes one (match_file)")
    try:
        # An object comes as a tuple of pairs: so it is told from a list, and a key that stands there twice is seen.
        content = json.loads(Path(path).read_bytes(), object_pairs_hook=tuple)
        if not isinstance(content, tuple):
            raise TypeError(f"it is a {type(content).__name__}")
        pairs = [(int(key), value) for key, value in content]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f'{path}: not a JSON object of the form {{"predicted id": category, ...}}') from error
    ids = [key for key, _ in pairs]
    if ids and not 0 <= min(ids) <= max(ids) <= _MOST_ID:
        raise ValueError(f"{path}: predicted id {min(ids) if min(ids) < 0 else max(ids)}; expected 0..{_MOST_ID}")
    if len(set(ids)) < len(ids):
        raise ValueError(f"{path}: predicted id {max(ids, key=ids.count)} stands there twice")
    match = np.full(max(ids, default=0) + 1, UNMATCHED, np.int64)
    match[0] = 0
    for key, value in pairs:
        if type(value) is not int or not 0 <= value <= num_categories:
            raise ValueError(f"{path}: predicted id {key} is matched to {value!r}; expected 0..{num_categories}")
        match[key] = value
    return match


def relabeling(match: np.ndarray, num_clusters: int, num_categories: int) -> np.ndarray:
    """Look-up table that applies a matching to a label map and keeps unmatched ids apart from every category.

    Args:
        match: ``(M + 1,)`` as ``read_match`` returns it; predicted ids above M count as unmatched.
        num_clusters: Largest predicted id K that the table takes.
        num_categories: Number of categories N.

    Returns:
        Int64 ``(K + 1,)``: the category of a predicted id; N + i for an unmatched id i, so that it stays a region of
        its own which is foreground and no category.
    """
    table = np.arange(num_clusters + 1) + num_categories
    known = match[: num_clusters + 1]
    return np.concatenate([np.where(known == UNMATCHED, table[: len(known)], known), table[len(known) :]])


def matched_metainfo(match: np.ndarray, num_clusters: int, dataset_meta: Mapping[str, Any]) -> dict[str, Any]:
    """Meta information of clusters that bear the names and colors of the categories they are matched to.

    Args:
        match: ``(M + 1,)`` as ``read_match`` returns it.
        num_clusters: Number of clusters K.
        dataset_meta: That of the data set with N categories: ``classes``, and ``names`` and ``palette`` if it has them.

    Returns:
        As ``cluster_metainfo``; an unmatched cluster keeps its name, and a color that no category has.
    """
    names = dataset_meta.get("names") or dataset_meta["classes"]
    num_categories = len(names) - 1
    colors = palette(num_categories + num_clusters + 1)
    colors[: num_categories + 1] = [
        list(color) for color in dataset_meta.get("palette") or colors[: num_categories + 1]
    ]
    unnamed = cluster_metainfo(num_clusters)
    table = relabeling(match, num_clusters, num_categories)
    found = tuple(
        names[target] if target <= num_categories else own
        for target, own in zip(table, unnamed["classes"], strict=True)
    )
    return dict(unnamed, classes=found, names=found, palette=[colors[target] for target in table])
