# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""How a program ends that somebody or something stops: one line that says how to go on."""

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Terminated(KeyboardInterrupt):
    """SIGTERM: whatever handles Ctrl-C handles it as well."""


@contextmanager
def one_line_endings(folder: str | Path, advice: str) -> Iterator[None]:
    """End the program with a line where it is stopped from outside; other errors pass, once progress bars are closed.

    Outside means Ctrl-C (exit status 130) and SIGTERM (143), a full disk, and a killed loading process (1).

    Args:
        folder: Where the program writes.
        advice: How to go on.

    Raises:
        SystemExit: In their place.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminate) if in_main_thread else None
    try:
        yield
    except KeyboardInterrupt as error:
        _close_progress(error)
        print(f"stopped; {advice}", file=sys.stderr, flush=True)
        raise SystemExit(143 if isinstance(error, Terminated) else 130) from None
    except (OSError, EOFError, RuntimeError) as error:
        _close_progress(error)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise SystemExit(f"{error.strerror}: {error.filename or folder}. Make room; {advice}") from None
        reason = _lost_loader(error)
        if reason is None:
            raise
        raise SystemExit(
            f"A loading process is gone, often for want of memory: {reason} Lower num_workers or batch_size; {advice}"
        ) from None
    except Exception as error:
        _close_progress(error)
        raise
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


def _close_progress(error: BaseException) -> None:
    """Close the progress bars in the loops that an error left: they would write below its reason."""
    left: BaseException | None = error
    while left is not None:
        traceback.clear_frames(left.__traceback__)
        left = left.__context__


def _lost_loader(error: Exception) -> str | None:
    """Why a loading process is gone; None where the error is another.

    One that ends while its batch is fetched breaks the connection before torch notices that it is gone.
    """
    if "DataLoader worker" in str(error):
        return str(error).partition("\n")[0]
    fetched = any(frame.name == "_try_get_data" for frame in traceback.extract_tb(error.__traceback__))
    if fetched and isinstance(error, ConnectionError | EOFError | FileNotFoundError):
        return f"DataLoader worker ended while its batch was fetched ({type(error).__name__})."
    return None


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
