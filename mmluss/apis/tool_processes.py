# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Run mmsegmentation's tools one after the other, each in a process of its own that need not import anything."""

import multiprocessing
import os
import shlex
from collections.abc import Sequence

from mmengine.logging import MMLogger

from mmluss.apis.mmseg_tools import run_mmseg_tool

_PRELOADED = ["mmluss", "mmluss.apis", "mmseg.apis"]
# By default glibc hands a freed activation back to the system and fetches the next one page by page, which takes a CPU
# as long as the convolutions themselves. Other allocators ignore these settings.
_KEEP_FREED_MEMORY = dict(MALLOC_MMAP_THRESHOLD_=str(1 << 30), MALLOC_TRIM_THRESHOLD_=str(1 << 34))


def call_mmseg_tool(tool: str, arguments: Sequence[object]) -> None:
    """Run a tool to its end in a new process.

    Where the system can fork, one server imports the packages once and every call forks it: the imports take longer
    than a short step. The server itself computes nothing, so neither threads nor a GPU are shared with it. Unless the
    environment says otherwise, the processes keep memory once they have it.

    Args:
        tool: "train" or "test"; see ``run_mmseg_tool``.
        arguments: Its command line.

    Raises:
        RuntimeError: If it ended with an error or was killed; the message repeats the command.
    """
    arguments = [str(argument) for argument in arguments]
    command = shlex.join(["python", f"tools/{tool}.py", *arguments])
    MMLogger.get_current_instance().info(command)
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    if can_fork:
        context.set_forkserver_preload(_PRELOADED)
    for name, value in _KEEP_FREED_MEMORY.items():
        os.environ.setdefault(name, value)
    process = context.Process(target=run_mmseg_tool, args=(tool, arguments), name=tool)
    process.start()
    try:
        process.join()
    finally:
        if process.is_alive():
            process.terminate()
            process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"this command ended with code {process.exitcode}; its last lines say why: {command}")
