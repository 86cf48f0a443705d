# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Names follow their things to the clusters of another result, whose ids mean nothing of what they meant before."""

import itertools
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mmluss.apis.results.cluster_names import (
    ClusterNames,
    read_cluster_names,
    read_own_columns,
    write_cluster_names,
)
from mmluss.apis.results.run_folder import RunFolder
from mmluss.datasets.label_codec import IGNORE_INDEX, read_label_map
from mmluss.utils.atomic_files import read_json, write_json

_NAMES = "names.json"


def shared_pixels(
    before: Sequence[Path], now: Sequence[Path], num_before: int, num_now: int, threads: int = 8
) -> np.ndarray:
    """How many pixels clusters of two results share.

    Args:
        before: Label maps of the former result.
        now: Those of the new one, of the same photos; pairs of which one is missing or has another size do not count.
        num_before: Former number of clusters.
        num_now: New number of clusters.
        threads: Pairs read at once.

    Returns:
        ``(num_now, num_before)`` int64; pixels that either result has as background are left out.
    """

    def shared(old_path: Path, new_path: Path) -> np.ndarray:
        nothing = np.zeros(num_now * num_before, np.int64)
        if not (old_path.is_file() and new_path.is_file()):
            return nothing
        old, new = read_label_map(old_path), read_label_map(new_path)
        if old.shape != new.shape:
            return nothing
        things = (old > 0) & (new > 0) & (old < IGNORE_INDEX) & (new < IGNORE_INDEX)
        pairs = (new[things].astype(np.int64) - 1) * num_before + old[things] - 1
        return np.bincount(pairs, minlength=len(nothing))

    counts = np.zeros(num_now * num_before, np.int64)
    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(shared, before, now):
            counts += found
    return counts.reshape(num_now, num_before)


def carried_names(names: ClusterNames, shared: np.ndarray) -> ClusterNames:
    """Names, merges and drops for the clusters of a new result.

    A cluster takes over those of a former one where more than half of what either result shows of the two is shared.

    Args:
        names: Of the former result.
        shared: As ``shared_pixels`` counts them.

    Example:
        >>> names = ClusterNames(("other", "rose", "cluster 2"), np.array([0, 1, 0]))
        >>> carried = carried_names(names, np.array([[1, 9], [8, 0], [0, 0]]))
        >>> carried.names, carried.targets.tolist()
        (('other', 'cluster 1', 'rose', 'cluster 3'), [0, 0, 2, 3])
    """
    default, carried = ClusterNames.default(shared.shape[1]), ClusterNames.default(len(shared))
    same = (2 * shared > shared.sum(axis=1, keepdims=True)) & (2 * shared > shared.sum(axis=0, keepdims=True))
    pairs = [(int(new) + 1, int(old) + 1) for new, old in np.argwhere(same)]
    now = {0: 0} | {old: new for new, old in pairs}
    texts, targets = list(carried.names), carried.targets
    for new, old in pairs:
        if names.names[old] != default.names[old]:
            texts[new] = names.names[old]
        targets[new] = now.get(int(names.targets[old]), new)
    return ClusterNames(tuple(texts), targets)


def keep_before(folder: RunFolder, num_clusters: int) -> None:
    """Put names and label maps of the result before where ``carry_names`` looks for them; once, if interrupted.

    A table that anybody has changed stays as ``clusters.old.csv``; one that nobody has changed has nothing to carry.

    Args:
        folder: Whose label maps will be made anew.
        num_clusters: Of the result before.

    Raises:
        ValueError: If the table cannot be understood; the message names its line.
    """
    kept = folder.before / _NAMES
    if not kept.is_file():
        if folder.before.is_dir():
            shutil.rmtree(folder.before)
        names = read_cluster_names(folder.names_file, num_clusters)
        if not _is_edited(folder, names):
            folder.names_file.unlink()
            return
        table = _unused(folder.out / "clusters.old.csv").name
        write_json(kept, dict(names=names.names, targets=names.targets, table=table))
    if folder.labels.is_dir() and not (folder.before / "labels").is_dir():
        folder.labels.replace(folder.before / "labels")
    # Last, since a run that is killed before finds by the table that there is something to keep.
    folder.names_file.replace(_unused(folder.out / "clusters.old.csv"))


def carry_names(folder: RunFolder) -> Path | None:
    """Give the new clusters the names of the result before, where there was one.

    Args:
        folder: Whose label maps are made.

    Returns:
        The table of the result before, if names were carried.
    """
    kept = folder.before / _NAMES
    if not kept.is_file():
        return None
    content = read_json(kept, ("names", "targets", "table"))
    names = ClusterNames(tuple(content["names"]), np.array(content["targets"]))
    now = folder.run["num_clusters"]
    before = [folder.before / path.relative_to(folder.out) for path in folder.label_maps]
    carried = carried_names(names, shared_pixels(before, folder.label_maps, len(names.names) - 1, now))
    # One that was written since, while the run was interrupted, is not lost either.
    if folder.names_file.is_file():
        folder.names_file.replace(_unused(folder.out / "clusters.old.csv"))
    # The numbers of photos are filled in later.
    write_cluster_names(folder.names_file, carried, [0] * (now + 1), [0.0] * (now + 1))
    # First what says that there are names to carry: a kill in between must not carry them twice.
    kept.unlink()
    shutil.rmtree(folder.before)
    return folder.out / content["table"]


def _is_edited(folder: RunFolder, names: ClusterNames) -> bool:
    default = ClusterNames.default(len(names.names) - 1)
    kept = names.names == default.names and (names.targets == default.targets).all()
    return not kept or bool(read_own_columns(folder.names_file))


def _unused(path: Path) -> Path:
    """The path, or the first one with a number that nothing has."""
    numbers = itertools.count(2)
    found = path
    while found.exists():
        found = path.with_name(f"{path.stem}.{next(numbers)}{path.suffix}")
    return found
