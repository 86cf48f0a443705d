# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Run long work one after the other, each in a process of its own that need not import anything."""

import multiprocessing
import os
import shlex
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmluss.apis.mmseg_tools import run_mmseg_tool

_PRELOADED = ["mmluss", "mmluss.apis", "mmseg.apis"]
# By default glibc hands a freed activation back to the system and fetches the next one page by page, which takes a CPU
# as long as the convolutions themselves. Other allocators ignore these settings.
_KEEP_FREED_MEMORY = dict(MALLOC_MMAP_THRESHOLD_=str(1 << 30), MALLOC_TRIM_THRESHOLD_=str(1 << 34))
_LAST_BYTES = 1 << 16


def call_mmseg_tool(
    tool: str,
    arguments: Sequence[object],
    log: str | Path | None = None,
    watch: Callable[[], object] | None = None,
) -> None:
    """Run a tool of mmsegmentation to its end in a new process; see ``call_in_process``.

    Args:
        tool: "train" or "test"; see ``run_mmseg_tool``.
        arguments: Its command line.
        log: As for ``call_in_process``.
        watch: Likewise.

    Raises:
        RuntimeError: If it ended with an error or was killed.
    """
    texts = [str(argument) for argument in arguments]
    command = shlex.join(["python", f"tools/{tool}.py", *texts])
    call_in_process(command, run_mmseg_tool, (tool, texts), log, watch)


def call_in_process(
    title: str,
    work: Callable[..., object],
    arguments: Sequence[Any],
    log: str | Path | None = None,
    watch: Callable[[], object] | None = None,
    every: float = 0.5,
) -> None:
    """Run a function to its end in a new process.

    Where the system can fork, one server imports the packages once and every call forks it: the imports take longer
    than a short step. The server itself computes nothing, so neither threads nor a GPU are shared with it. Unless the
    environment says otherwise, the processes keep memory once they have it.

    Args:
        title: What is run, for messages.
        work: A function of a module.
        arguments: Its arguments.
        log: File that everything printed is added to; None to let it through to the screen.
        watch: Called while waiting.
        every: Seconds between calls of ``watch``.

    Raises:
        RuntimeError: If it ended with an error or was killed; the message ends with the reason, as far as the log
            tells.
    """
    MMLogger.get_current_instance().info(title)
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    if can_fork:
        context.set_forkserver_preload(_PRELOADED)
    for name, value in _KEEP_FREED_MEMORY.items():
        os.environ.setdefault(name, value)
    log = None if log is None else Path(log)
    process = context.Process(target=_run_logged, args=(log, work, tuple(arguments)))
    process.start()
    try:
        while process.is_alive():
            process.join(every if watch else None)
            if watch:
                watch()
    finally:
        if process.is_alive():
            process.terminate()
            process.join()
    if process.exitcode != 0:
        raise RuntimeError(_failure(title, process.exitcode, log))


def _run_logged(log: Path | None, work: Callable[..., object], arguments: tuple) -> None:
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(*arguments)


def _end_with_parent() -> None:
    """A run that was killed is started again: what it had started must not go on writing beside the new one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _failure(title: str, code: int, log: Path | None) -> str:
    if code < 0:
        reason = f"it was killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
    else:
        reason = f"it ended with code {code}" + ("; its last lines say why" if log is None else "")
    if log is None:
        return f"{title}: {reason}"
    return f"{title}: {reason}; all it printed is in {log}\n{last_error(log)}"


def last_error(log: str | Path) -> str:
    """The last error that a log tells of, or its last line; empty for an empty log."""
    with open(log, "rb") as file:
        file.seek(max(0, os.path.getsize(log) - _LAST_BYTES))
        lines = [line.rstrip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    # The message of an error may have several lines; it begins with the error's name at the start of a line.
    for index in range(len(lines) - 1, -1, -1):
        name = lines[index].split(":", 1)[0].rpartition(".")[2]
        if name.endswith(("Error", "Exit", "Interrupt", "Exception")) and name.isidentifier():
            return "\n".join(lines[index:])
    return lines[-1] if lines else ""
