# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Run long work one after the other, each in a process of its own that need not import anything, or in several."""

import gc
import multiprocessing
import os
import shlex
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from mmluss.apis.tools.mmseg_tools import Tool, run_mmseg_tool

PRELOADED = ["mmluss", "mmluss.apis", "mmseg.apis"]
"""What every process has imported when it starts."""
# By default glibc hands a freed activation back to the system and fetches the next one page by page, which takes a CPU
# as long as the convolutions themselves. Other allocators ignore these settings.
_KEEP_FREED_MEMORY = dict(MALLOC_MMAP_THRESHOLD_=str(1 << 30), MALLOC_TRIM_THRESHOLD_=str(1 << 34))
_LAST_BYTES = 1 << 16
_SECONDS_TO_END = 10


def call_mmseg_tool(
    tool: Tool,
    arguments: Sequence[object],
    log: str | Path | None = None,
    watch: Callable[[], object] | None = None,
    environments: Sequence[Mapping[str, str]] = ({},),
) -> None:
    """Run a tool of mmsegmentation to its end in a new process, or in several; see ``call_in_process``.

    Args:
        tool: "train" or "test"; see ``run_mmseg_tool``.
        arguments: Its command line.
        log: As for ``call_in_process``.
        watch: Likewise.
        environments: Likewise.

    Raises:
        RuntimeError: If it ended with an error or was killed.
    """
    texts = [str(argument) for argument in arguments]
    command = shlex.join(["python", f"tools/{tool}.py", *texts])
    call_in_process(command, run_mmseg_tool, (tool, texts), log, watch, environments=environments)


def call_in_process(
    title: str,
    work: Callable[..., object],
    arguments: Sequence[Any],
    log: str | Path | None = None,
    watch: Callable[[], object] | None = None,
    every: float = 0.5,
    environments: Sequence[Mapping[str, str]] = ({},),
) -> None:
    """Run a function to its end in a new process, or in several at once; if one fails, the others are ended.

    Where the system can fork, one server imports the packages once and every call forks it: the imports take longer
    than a short step. The server itself computes nothing, so neither threads nor a GPU are shared with it. Unless the
    environment says otherwise, the processes keep memory once they have it.

    Args:
        title: What is run, for messages.
        work: A function of a module.
        arguments: Its arguments.
        log: File that everything printed is added to; None to let it through to the screen. That of the second process
            has ``.1`` in its name, and so on.
        watch: Called while waiting; an exception that it raises ends the work.
        every: Seconds between calls of ``watch``.
        environments: Environment variables of each process beside those that all have.

    Raises:
        RuntimeError: If it ended with an error or was killed; the message ends with the reason, as far as the log
            tells.
    """
    MMLogger.get_current_instance().info(title)
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    if can_fork:
        context.set_forkserver_preload(PRELOADED)
    for name, value in _KEEP_FREED_MEMORY.items():
        os.environ.setdefault(name, value)
    logs = [_log_of(log, index) for index in range(len(environments))]
    sizes = [path.stat().st_size if path is not None and path.is_file() else 0 for path in logs]
    processes = [
        context.Process(target=_run, args=(dict(environment), path, work, tuple(arguments)))
        for environment, path in zip(environments, logs, strict=True)
    ]
    for process in processes:
        process.start()
    try:
        while any(process.exitcode is None for process in processes):
            if watch:
                watch()
            running = [process for process in processes if process.exitcode is None]
            wait([process.sentinel for process in running], every if watch else None)
            # The first one that fails gives the reason; what the others say of it comes later.
            failed = [index for index, process in enumerate(processes) if process.exitcode]
            if failed:
                first = failed[0]
                raise RuntimeError(_failure(title, processes[first].exitcode, logs[first], sizes[first]))
    finally:
        _end(processes)


def _log_of(log: str | Path | None, index: int) -> Path | None:
    if log is None:
        return None
    path = Path(log)
    return path if index == 0 else path.with_suffix(f".{index}{path.suffix}")


def _end(processes: Sequence[Any]) -> None:
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        process.join(_SECONDS_TO_END)
        if process.is_alive():
            process.kill()
            process.join()


def _run(environment: dict[str, str], log: Path | None, work: Callable[..., object], arguments: tuple) -> None:
    # Every data set of mmengine collects garbage, which would look through all that is imported each time.
    gc.freeze()
    # A fork server's processes have the variables of the time when it was started.
    os.environ.update(environment)
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


def _failure(title: str, code: int, log: Path | None, begin: int) -> str:
    if code < 0:
        reason = f"it was killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
    else:
        reason = f"it ended with code {code}" + ("; its last lines say why" if log is None else "")
    if log is None:
        return f"{title}: {reason}"
    error = last_error(log, begin)
    return f"{title}: {reason}; " + (f"all it printed is in {log}\n{error}" if error else "it printed nothing")


def last_error(log: str | Path, begin: int = 0) -> str:
    """The last error that a log tells of, or its last line; empty for an empty log or none.

    Args:
        log: The file.
        begin: Bytes at its beginning that do not count, such as those of an earlier attempt.
    """
    if not os.path.isfile(log):
        return ""
    with open(log, "rb") as file:
        file.seek(max(begin, os.path.getsize(log) - _LAST_BYTES))
        lines = [line.rstrip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    # The message of an error may have several lines; it begins with the error's name at the start of a line.
    for index in range(len(lines) - 1, -1, -1):
        name = lines[index].split(":", 1)[0].rpartition(".")[2]
        if name.endswith(("Error", "Exit", "Interrupt", "Exception")) and name.isidentifier():
            return "\n".join(lines[index:])
    return lines[-1] if lines else ""
