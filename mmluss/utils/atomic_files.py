# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Files that are written whole or not at all."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np


@contextmanager
def replace_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` once it is complete; after an error ``path`` is as it was.

    Args:
        path: The file to write; its folder is made if need be.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: dict) -> None:
    """Write a JSON file; NaN becomes null.

    Args:
        path: The file to write; its folder is made if need be.
        content: Nested dicts and lists of numbers, texts and arrays.
    """
    text = json.dumps(_plain(content), indent=2) + "\n"
    with replace_file(path) as file:
        file.write(text.encode())


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
