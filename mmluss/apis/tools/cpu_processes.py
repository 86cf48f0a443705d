# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Distributed runs on machines without GPU: mmengine's launchers set one for each process, so gloo is joined first."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import Literal

from mmengine.device import get_device
from mmengine.dist import is_distributed
from torch import distributed

Launcher = Literal["none", "pytorch", "slurm", "mpi"]
"""What mmengine's runners can be started by."""

DEFAULT_PORT = "29500"
# As in configs/_base_/default_runtime.py: processes may wait for one that has more of the clustering to do.
_TIMEOUT = timedelta(hours=4)


def join_cpu_processes(launcher: Launcher) -> bool:
    """Join the processes of a launcher by gloo where there is no GPU, and say so; mmengine then finds them joined.

    Args:
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``, as for mmsegmentation's tools.

    Returns:
        Whether this was needed.

    Raises:
        KeyError: If the launcher's environment variables are missing.
    """
    if launcher == "none" or get_device() != "cpu" or is_distributed():
        return False
    if launcher == "slurm":
        os.environ.update(slurm_environment())
    elif launcher == "mpi":
        names = dict(RANK="RANK", LOCAL_RANK="LOCAL_RANK", WORLD_SIZE="SIZE")
        os.environ.update({name: os.environ[f"OMPI_COMM_WORLD_{value}"] for name, value in names.items()})
        os.environ.setdefault("MASTER_PORT", DEFAULT_PORT)
    distributed.init_process_group("gloo", timeout=_TIMEOUT)
    if distributed.get_rank() == 0:
        print(f"No GPU here: {distributed.get_world_size()} processes on CPUs, joined by gloo.", flush=True)
    return True


def leave_cpu_processes() -> None:
    """End this process, whose work is done, once all of them are that far.

    A thread of gloo that still lets go of a tensor while the interpreter ends would abort a process that has succeeded,
    so the interpreter is not ended in an orderly way.
    """
    distributed.barrier()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def slurm_environment() -> dict[str, str]:
    """What torch calls the variables that Slurm gives each task; the first node's name is that of the meeting point."""
    values = dict(
        RANK=os.environ["SLURM_PROCID"],
        LOCAL_RANK=os.environ["SLURM_LOCALID"],
        WORLD_SIZE=os.environ["SLURM_NTASKS"],
        MASTER_PORT=os.environ.get("MASTER_PORT", DEFAULT_PORT),
    )
    if "MASTER_ADDR" in os.environ:
        return values | dict(MASTER_ADDR=os.environ["MASTER_ADDR"])
    command = ["scontrol", "show", "hostnames", os.environ["SLURM_NODELIST"]]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return values | dict(MASTER_ADDR=names[0])
