# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One run at a time in a folder."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".lock"
_held: set[int] = set()


@contextmanager
def only_run_in(folder: str | Path) -> Iterator[None]:
    """Keep other runs out of a folder; the lock ends with this process, however that ends.

    Args:
        folder: Made if need be.

    Raises:
        RuntimeError: If another process has the folder.
    """
    path = Path(folder, LOCK_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    # That of another person, in a folder that both use, can be locked, but not written to.
    writable = os.access(path, os.W_OK) or not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY, 0o666)
    _held.add(descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 1000, 0).decode(errors="replace").strip()
            raise RuntimeError(
                f"{folder}: another run is at work in this folder ({holder or 'of unknown number'}). "
                "Let it end or end it, or give another folder"
            ) from None
        except OSError:
            # Some network file systems have no locks; that is no reason not to work on them.
            pass
        if writable:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        _close(descriptor)


def _close(descriptor: int) -> None:
    if descriptor in _held:
        _held.remove(descriptor)
        os.close(descriptor)


def _close_all() -> None:
    for descriptor in list(_held):
        _close(descriptor)


# A lock lasts until every copy of its descriptor is closed. Children that have one, such as those that load photos, may
# outlive a killed run by seconds, and would keep the next one out.
os.register_at_fork(after_in_child=_close_all)
