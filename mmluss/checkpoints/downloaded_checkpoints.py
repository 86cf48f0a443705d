# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Checkpoints at addresses: downloaded once, and kept only if they can be read without running code from them."""

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import torch
from mmengine.logging import print_log

from mmluss.checkpoints.files import peek_checkpoint, read_checkpoint
from mmluss.utils.downloads import download

_SECONDS_BETWEEN_LOOKS = 1.0


def is_address(place: str) -> bool:
    """Whether a checkpoint has to be downloaded."""
    return place.startswith(("http://", "https://"))


def downloaded_checkpoint(address: str) -> Path:
    """The copy of a checkpoint that torch.hub's cache has, or gets now.

    Args:
        address: ``http`` or ``https``.

    Raises:
        ValueError: If the address names no file, or what came cannot be read as weights; nothing is kept of it.
        ConnectionError: If the server cannot be reached or refuses.
        OSError: If the disk does not take it.
    """
    name = os.path.basename(urlsplit(address).path)
    if name in ("", ".", ".."):
        raise ValueError(f"{address} names no file; the address of a checkpoint ends in its file name.")
    path = Path(torch.hub.get_dir(), "checkpoints", name)
    if not path.is_file():
        print_log(f"{address} is downloaded to {path}", logger="current")
    while not path.is_file():
        try:
            # A date in a name looks like a hash; mmengine does not ask for either.
            download(address, path, check=_check_readable, named_hash=False)
        except BlockingIOError:
            # Another process has begun, such as that of the GPU beside; it may fail, and then this one goes on.
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    return path


def _check_readable(path: Path) -> None:
    # Looking in is quick, but does not tell what is wrong.
    if peek_checkpoint(path) is None:
        read_checkpoint(path)
