# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Names from lists and tables, which must not lead out of the folder that they belong to."""

from pathlib import Path


def leads_out(name: str) -> bool:
    """Whether a name with ``/`` between its parts is no file below a folder: absolute, with ``..``, or not a name."""
    parts = name.split("/")
    return "" in parts or not {".", ".."}.isdisjoint(parts) or "\0" in name


def path_below(folder: str | Path, name: str) -> Path:
    """The path of a name below a folder.

    Raises:
        ValueError: If the name leads out of the folder.
    """
    if leads_out(name):
        raise ValueError(f"{name!r} is no path below {folder}")
    return Path(folder, name)
