# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One run at a time in a folder."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".lock"


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
    mode = "a+" if os.access(path, os.W_OK) or not path.exists() else "r"
    with open(path, mode) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RuntimeError(
                f"{folder}: another run is at work in this folder ({file.read().strip() or 'of unknown number'}). "
                "Let it end or end it, or give another folder"
            ) from None
        except OSError:
            # Some network file systems have no locks; that is no reason not to work on them.
            pass
        if file.writable():
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield
