# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Names of clusters in a table that people edit: ``clusters.csv`` with names, merges and drops."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmluss.apis.results.edited_tables import read_edited_table
from mmluss.datasets.categories import cluster_names
from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.utils.atomic_files import write_csv

COLUMNS = ("id", "name", "merge_into", "drop", "photos", "share")
_YES, _NO = {"1", "x", "y", "yes", "true"}, {"", "0", "n", "no", "false"}


@dataclass(frozen=True)
class ClusterNames:
    """What K clusters are called and count as.

    Attributes:
        names: K + 1 names by id, that of the background first.
        targets: ``(K + 1,)`` int64, the id that each id counts as: itself, that of a cluster it is merged into, or 0
            where it is dropped.

    Example:
        >>> names = ClusterNames(("other", "rose", "tulip", "red rose"), np.array([0, 1, 2, 1]))
        >>> names.relabel(np.array([[0, 3], [2, 1000]])).tolist()
        [[0, 1], [2, 1000]]
        >>> names.classes
        ('other', 'rose', 'tulip', 'rose')
    """

    names: tuple[str, ...]
    targets: np.ndarray

    @classmethod
    def default(cls, num_clusters: int) -> "ClusterNames":
        """``cluster 1`` to ``cluster K``, none merged or dropped."""
        return cls(cluster_names(num_clusters), np.arange(num_clusters + 1))

    @property
    def classes(self) -> tuple[str, ...]:
        """K + 1 names by id as people see them: that of the cluster each counts as."""
        return tuple(self.names[target] for target in self.targets)

    def palette(self, colors: Sequence[Sequence[int]]) -> list[list[int]]:
        """Colors by id, those that count as one cluster alike.

        Args:
            colors: K + 1 RGB triples.
        """
        return [list(colors[target]) for target in self.targets]

    def relabel(self, ids: np.ndarray) -> np.ndarray:
        """Ids after merging and dropping; 1000 stays.

        Args:
            ids: Integers in 0..K or 1000, any shape.

        Returns:
            Int64 of the same shape.
        """
        table = np.arange(max(IGNORE_INDEX + 1, len(self.targets)))
        table[: len(self.targets)] = self.targets
        return table[ids]


def write_cluster_names(
    path: str | Path,
    names: ClusterNames,
    photos: Sequence[int],
    shares: Sequence[float],
    written: Mapping[str, Mapping[int, str]] | None = None,
) -> None:
    """Write the table; a file there is replaced in one piece.

    Args:
        path: CSV file.
        names: What to write.
        photos: K + 1 numbers of photos by id.
        shares: K + 1 shares of all pixels by id, 0..1.
        written: Columns as ``read_written_columns`` gives them. Merges and drops stay as they are in these: where a
            cluster is dropped into which others are merged, it can be taken back.
    """
    own_columns = dict(written or {})
    merges, drops = own_columns.pop("merge_into", None), own_columns.pop("drop", None)
    rows = []
    for index in range(1, len(names.names)):
        target = int(names.targets[index])
        merged: int | str = target if target not in (0, index) else ""
        dropped = "x" if target == 0 else ""
        if merges is not None and drops is not None:
            merged, dropped = merges.get(index, ""), drops.get(index, "")
        own = (values.get(index, "") for values in own_columns.values())
        rows.append((index, names.names[index], merged, dropped, photos[index], f"{shares[index]:.4f}", *own))
    write_csv(path, (*COLUMNS, *own_columns), rows)


def read_cluster_names(path: str | Path, num_clusters: int) -> ClusterNames:
    """Read the table as people leave it: rows in any order, clusters left out unchanged; see ``read_edited_table``.

    Args:
        path: CSV file with the columns ``id`` and any of ``name``, ``merge_into`` and ``drop``.
        num_clusters: K.

    Raises:
        ValueError: If a column, an id or a value cannot be understood, a name has a line break or another control
            character, an id occurs twice, or merges go in a circle; the message names file and line.
    """
    table = read_edited_table(path)
    if "id" not in map(str.lower, table.columns):
        raise ValueError(
            f"{path}: the first line must name the columns {', '.join(COLUMNS)}, at least id; it is {table.header!r}"
        )
    if table.nameless:
        line, text = table.nameless[0]
        raise ValueError(f"{path}, line {line}: {text!r} is in a column without a name; write one into the first line")
    names = list(ClusterNames.default(num_clusters).names)
    targets = np.arange(num_clusters + 1)
    seen: set[int] = set()
    for line, values in table.rows:
        where = f"{path}, line {line}"
        index = _cluster_id(values["id"], num_clusters, f"{where}, id")
        if index in seen:
            raise ValueError(f"{where}: the id {index} has a line already")
        seen.add(index)
        names[index] = _printable(values.get("name", ""), f"{where}, name") or names[index]
        if values.get("merge_into"):
            targets[index] = _cluster_id(values["merge_into"], num_clusters, f"{where}, merge_into")
        if _is_yes(values.get("drop", ""), f"{where}, drop"):
            targets[index] = 0
    return ClusterNames(tuple(names), _followed(targets, path))


def read_own_columns(path: str | Path) -> dict[str, dict[int, str]]:
    """Columns that people have added to the table: texts by id, by the column's name.

    Args:
        path: A table that ``read_cluster_names`` reads.
    """
    table = read_edited_table(path)
    added = [column for column in table.columns if column.lower() not in COLUMNS]
    return {column: {int(row["id"]): row[column.lower()] for _, row in table.rows} for column in added}


def read_written_columns(path: str | Path) -> dict[str, dict[int, str]]:
    """``merge_into``, ``drop`` and the columns that people have added: texts by id, by the column's name.

    Args:
        path: A table that ``read_cluster_names`` reads.
    """
    rows = read_edited_table(path).rows
    choices = {column: {int(row["id"]): row.get(column, "") for _, row in rows} for column in ("merge_into", "drop")}
    return choices | read_own_columns(path)


def _followed(targets: np.ndarray, path: str | Path) -> np.ndarray:
    """Targets of targets, to the end: 3 into 2 and 2 into 1 makes both 1."""
    followed = targets
    for _ in targets:
        further = targets[followed]
        if (further == followed).all():
            return followed
        followed = further
    circle = int(np.flatnonzero(targets[followed] != followed)[0])
    raise ValueError(f"{path}: the merges of cluster {circle} go in a circle; let one of them be merged into none")


def _cluster_id(text: str, num_clusters: int, where: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= num_clusters:
        raise ValueError(f"{where}: {text!r} is no cluster; ids are 1 to {num_clusters}")
    return int(text)


def _printable(name: str, where: str) -> str:
    # Legends and lists have a line for a name, and XML refuses most of these characters.
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ValueError(f"{where}: {name!r} has a line break or another control character; leave it out")
    return name


def _is_yes(text: str, where: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError(f"{where}: {text!r} is neither yes nor no; write x to drop the cluster, nothing to keep it")
    return text.lower() in _YES
