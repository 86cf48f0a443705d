# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Files that are written whole or not at all."""

import json
import math
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np


@contextmanager
def replace_file(path: str | PathLike, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` once it is complete; after an error ``path`` is as it was.

    Args:
        path: The file to write; its folder is made if need be.
        sync: Wait until the content is on disk, so that not even a power failure leaves an empty file in its place.
            False for many files that a later run looks through anyway.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        with open(temporary, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_by(path: str | Path, write: Callable[[Path], None], writes: bool = True) -> None:
    """Have a file written under another name that takes the place of ``path`` once it is complete.

    For writers that want a name or a folder instead of an open file.

    Args:
        path: The file or folder to write; what is there must be a file, or nothing.
        write: Writes to the path that it is given, which lies in the same folder and ends as ``path`` does.
        writes: Whether this process is the one whose call of ``write`` leaves a file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        write(temporary)
        if writes:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    # Threads of one process may write the same file, too.
    return path.with_name(f".{os.getpid()}-{threading.get_ident()}-{path.name}")


def write_json(path: str | Path, content: dict) -> None:
    """Write a JSON file; NaN becomes null.

    Args:
        path: The file to write; its folder is made if need be.
        content: Nested dicts and lists of numbers, texts and arrays.
    """
    text = json.dumps(_plain(content), indent=2) + "\n"
    with replace_file(path) as file:
        file.write(text.encode())


def read_json(path: str | Path, keys: Sequence[str] = ()) -> dict:
    """Content of a JSON file that holds an object.

    Args:
        path: The file.
        keys: What the object must have.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else, or lacks a key; the message names it.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: not JSON. Remove it and make it again.") from error
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing or not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: {', '.join(missing) or 'an object'} is not in it. Make it again.")
    return content


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
