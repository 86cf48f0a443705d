# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""How a program ends that somebody or something stops: one line that says how to go on."""

import errno
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Terminated(KeyboardInterrupt):
    """SIGTERM: whatever handles Ctrl-C handles it as well."""


@contextmanager
def one_line_endings(folder: str | Path, advice: str) -> Iterator[None]:
    """End the program with a line where it is stopped from outside; other errors pass.

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
        print(f"stopped; {advice}", file=sys.stderr, flush=True)
        raise SystemExit(143 if isinstance(error, Terminated) else 130) from None
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise SystemExit(f"{error.strerror}: {error.filename or folder}. Make room; {advice}") from None
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        reason = str(error).partition("\n")[0]
        raise SystemExit(
            f"A loading process is gone, often for want of memory: {reason} Lower num_workers or batch_size; {advice}"
        ) from None
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
