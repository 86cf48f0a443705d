# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Files that are written whole or not at all."""

import csv
import io
import json
import math
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

_LEFTOVER = re.compile(r"\.(\d+)-\d+-")
_KEPT_OF_NAME = 64


@contextmanager
def replace_file(path: str | PathLike, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` once it is complete; after an error ``path`` is as it was.

    Args:
        path: The file to write; its folder is made if need be.
        sync: Wait until the content is on disk, so that not even a power failure leaves an empty file in its place.
            False for many files that a later run looks through anyway.

    Raises:
        OSError: Naming ``path``, such as on a full disk.
    """
    path = Path(path)
    temporary = _beside(path)
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
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

    Raises:
        OSError: Naming ``path``, such as on a full disk.
    """
    path = Path(path)
    temporary = _beside(path)
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            if writes:
                os.replace(temporary, path)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary)
            temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    # A name may be as long as file systems allow, so there is room for the end of it only.
    end = os.fsencode(path.name)[-_KEPT_OF_NAME:].decode(errors="ignore")
    # Threads of one process may write the same file, too.
    return path.with_name(f".{os.getpid()}-{threading.get_ident()}-{end}")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An error of the disk tells nothing of the file it came from, or of a temporary name."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            # numpy's; of another type are those of whatever is read in between, which name what they are about.
            if type(error) is not OSError:
                raise
            raise OSError(f"{path} cannot be written: {error}") from error
        if error.filename is None or Path(error.filename) == _beside(path):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def remove_leftovers(folder: str | Path) -> list[str]:
    """Remove what processes that were killed on this machine left in the middle of writing.

    Args:
        folder: Folder in which no process of another machine writes.

    Returns:
        Names of the removed files.
    """
    found = [path for path in Path(folder).glob(".*-*-*") if _LEFTOVER.match(path.name) and path.is_file()]
    dead = [path for path in found if not _is_alive(int(_LEFTOVER.match(path.name)[1]))]  # type: ignore[index]
    for path in dead:
        path.unlink(missing_ok=True)
    return [path.name for path in dead]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def reserve_array(path: str | Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Make an ``.npy`` file of zeros that owns its disk blocks: a full disk shows here, not as a crash while writing.

    Args:
        path: The file; its folder is made if need be.
        shape: Shape of the array, to be filled through a memory map.
        dtype: Its type.

    Raises:
        OSError: If there is no room for it.
    """
    try:
        with replace_file(path) as file:
            header = dict(shape=tuple(shape), fortran_order=False, descr=np.lib.format.dtype_to_descr(dtype))
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            size = file.tell() + int(np.prod(shape)) * dtype.itemsize
            os.posix_fallocate(file.fileno(), 0, size) if hasattr(os, "posix_fallocate") else file.truncate(size)
    except OSError as error:
        raise OSError(f"cannot make room for {path} ({shape} {dtype}): {error}") from error


def write_json(path: str | Path, content: dict) -> None:
    """Write a JSON file; NaN becomes null.

    Args:
        path: The file to write; its folder is made if need be.
        content: Nested dicts and lists of numbers, texts and arrays.
    """
    text = json.dumps(_plain(content), indent=2) + "\n"
    with replace_file(path) as file:
        file.write(text.encode())


def write_csv(
    path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[object]], for_spreadsheets: bool = True
) -> None:
    """Write a table as a CSV file.

    Args:
        path: The file to write; its folder is made if need be.
        columns: Names of the columns.
        rows: A value for each column.
        for_spreadsheets: Begin with a byte order mark, without which they do not take it for UTF-8.
    """
    text = io.StringIO()
    # With another end of lines csv leaves line breaks of one kind in a cell unquoted.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with replace_file(path) as file:
        # Names of files need not be text.
        file.write(text.getvalue().encode("utf-8-sig" if for_spreadsheets else "utf-8", errors="surrogateescape"))


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
