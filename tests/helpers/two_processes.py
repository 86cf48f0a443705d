# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Run a function in two processes that are joined by gloo, forked from one that has imported everything."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed
import torch.multiprocessing

from mmluss.apis.tools.tool_processes import PRELOADED

PROCESSES = 2


def run_in_two_processes(function: Callable[..., None], *arguments: object) -> None:
    """Call ``function(rank, *arguments)`` in two new processes; an exception in one of them is raised here."""
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.get_context("forkserver").set_forkserver_preload([*PRELOADED, __name__])
        torch.multiprocessing.start_processes(
            _join_and_call, (Path(folder), function, arguments), nprocs=PROCESSES, start_method="forkserver"
        )


def _join_and_call(rank: int, folder: Path, function: Callable[..., None], arguments: tuple) -> None:
    os.environ |= dict(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(PROCESSES),
        GLOO_SOCKET_IFNAME="lo",
        MASTER_ADDR="127.0.0.1",
    )
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'rendezvous'}", rank=rank, world_size=PROCESSES
    )
    function(rank, *arguments)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread of gloo that still lets go of a tensor while the interpreter ends aborts the whole process (SIGABRT,
    # "terminate called without an active exception"), so the interpreter is not ended in an orderly way.
    os._exit(0)
