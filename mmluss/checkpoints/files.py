# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Reading foreign checkpoints without running code from them, and writing ours completely or not at all."""

import io
import re
import zipfile
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmluss.utils.atomic_files import replace_file

_NPY_MAGIC = b"\x93NUMPY"


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint as tensors, numbers and containers; nothing else is unpickled.

    Published files keep the arguments of their training script as an ``argparse.Namespace``, which is let through.

    Args:
        path: Local file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, or one that only code could read.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"No checkpoint at {path}.")
    with unreadable_named(path):
        checkpoint = _load(path)
    if not isinstance(checkpoint, dict):
        raise ValueError(f"{path} holds a {type(checkpoint).__name__}, not a checkpoint.")
    return checkpoint


@contextmanager
def unreadable_named(path: str | Path) -> Iterator[None]:
    """Name a file whose reading fails: damaged ones make ``torch.load`` fail in every way there is.

    Args:
        path: The file that is read.

    Raises:
        ValueError: In place of whatever went wrong with the file; not for want of the permission to read it, of memory
            or of a GPU.
    """
    try:
        yield
    except (PermissionError, MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:
        # Such as "Attempting to deserialize object on a CUDA device" and "CUDA error", which have no type of their own.
        if isinstance(error, RuntimeError | AssertionError) and "CUDA" in str(error):
            raise
        unsafe = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"it holds a {unsafe[1]}, which takes code" if unsafe else "it was cut off, or is something else"
        raise ValueError(
            f"{path} cannot be read as weights ({reason}). Is it a checkpoint, complete, and saved with nothing but "
            "tensors and numbers?"
        ) from error


def peek_checkpoint(path: str | Path, map_location: str = "cpu") -> Any:
    """What a local checkpoint holds, its tensors still on disk; None for anything that is no readable local file.

    Args:
        path: Local file or any other place a checkpoint can be at.
        map_location: As for ``torch.load``.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        return None
    try:
        return _load(path, map_location, mmap=zipfile.is_zipfile(path))
    # A damaged file fails in every way there is; whoever reads it whole says so.
    except Exception:
        return None


def read_centroids(path: str | Path) -> Tensor:
    """Read centroids ``(K, C)`` float32 from an ``.npy`` file, or from a tensor or a dict with ``centroids``.

    Args:
        path: Local file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no centroids.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"No centroids at {path}.")
    with open(path, "rb") as file:
        is_array = file.read(len(_NPY_MAGIC)) == _NPY_MAGIC
    with unreadable_named(path):
        centroids = torch.from_numpy(np.load(path, allow_pickle=False)) if is_array else _load(path)
    if isinstance(centroids, Mapping):
        centroids = centroids.get("centroids", centroids.get("decode_head.centroids"))
    if not isinstance(centroids, Tensor) or centroids.ndim != 2:
        raise ValueError(f"{path} holds no centroids: an array (K, C), or a dict with one as 'centroids', is expected.")
    return centroids.float()


def write_checkpoint(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Write a checkpoint under a temporary name, then give it its own.

    Args:
        checkpoint: Anything that ``torch.load(weights_only=True)`` takes.
        path: Local file; its folder is made.

    Raises:
        OSError: Naming the file, such as on a full disk.
    """
    # In memory first: torch hides what is wrong with a file that it writes to, such as a full disk.
    content = io.BytesIO()
    torch.save(dict(checkpoint), content)
    with replace_file(path) as file:
        file.write(content.getbuffer())


def write_centroids(centroids: Tensor, path: str | Path) -> None:
    """Write centroids ``(K, C)`` as float32 ``.npy``, completely or not at all."""
    with replace_file(path) as file:
        np.save(file, centroids.float().cpu().numpy(), allow_pickle=False)


def _load(path: str | Path, map_location: str = "cpu", mmap: bool = False) -> Any:
    allow = getattr(torch.serialization, "safe_globals", None)  # since torch 2.5
    with allow([Namespace]) if allow else nullcontext():
        return torch.load(path, map_location=map_location, weights_only=True, mmap=mmap)
