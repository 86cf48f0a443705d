# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The processes that a pipeline's steps run in: one here, one a GPU, or those of several machines."""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args

import torch
from torch.distributed import TCPStore

from mmluss.apis.tools.cpu_processes import DEFAULT_PORT, slurm_environment
from mmluss.apis.tools.mmseg_tools import Tool
from mmluss.apis.tools.tool_processes import call_mmseg_tool

PipelineLauncher = Literal["none", "pytorch", "slurm"]
LAUNCHERS: tuple[PipelineLauncher, ...] = get_args(PipelineLauncher)
_POLL_SECONDS = 0.2
_SECONDS_TO_LEAVE = 10
# For all processes of a pipeline to be started, by hand on several machines perhaps.
_MEETING = timedelta(minutes=30)


class StepLauncher:
    """Runs a tool of mmsegmentation in all processes of a run, by mmengine's launcher "pytorch".

    Each of one or more *drivers* (a process of ``run_pipeline.py``) starts some of them. The first driver decides what
    is run; the others follow it. If a process fails anywhere, all end with the reason.

    Args:
        processes: Processes that this driver starts for a tool.
        rank: Number of this driver, from 0.
        drivers: How many drivers there are.
        address: Host of the first driver.
        port: Where drivers meet.
        local_rank: GPU of the first process of this driver.
        hosted: Whether torchrun has opened the port, so that the first driver need not.

    Raises:
        RuntimeError: If the drivers do not meet.
    """

    def __init__(
        self,
        processes: int = 1,
        rank: int = 0,
        drivers: int = 1,
        address: str = "127.0.0.1",
        port: int = int(DEFAULT_PORT),
        local_rank: int = 0,
        hosted: bool = False,
    ) -> None:
        self.total_processes = processes * drivers
        self._local_processes = processes
        self._rank = rank
        self._drivers = drivers
        self._address = address
        self._local_rank = local_rank
        self._round = 0
        self._store: TCPStore | None = None
        if drivers > 1:
            is_master = rank == 0 and not hosted
            try:
                self._store = TCPStore(address, port, None, is_master, _MEETING, wait_for_workers=False)
                self._store.set(f"mmluss/here/{rank}", "")
                self._store.wait([f"mmluss/here/{other}" for other in range(drivers)], _MEETING)
            except torch.distributed.DistError as error:
                raise RuntimeError(
                    f"the pipeline's {drivers} processes did not meet at {address}:{port}: {error}; start all of them "
                    "with the same MASTER_ADDR and port, which nothing else may use"
                ) from error

    @property
    def leads(self) -> bool:
        """Whether this driver decides what is run."""
        return self._rank == 0

    def __call__(
        self,
        tool: Tool,
        arguments: Sequence[object],
        log: str | Path | None = None,
        watch: Callable[[], object] | None = None,
    ) -> None:
        """Run a tool to its end; the arguments are those of ``call_mmseg_tool``.

        Raises:
            RuntimeError: If it ended with an error or was killed, here or elsewhere.
        """
        if self.total_processes == 1:
            call_mmseg_tool(tool, arguments, log, watch)
            return
        texts = [*map(str, arguments), "--launcher", "pytorch"]
        # Opened here, as torchrun does: a port that is only found free may be taken before the processes have started.
        meeting = TCPStore(self._address, 0, is_master=True, wait_for_workers=False)
        command = dict(tool=tool, arguments=texts, log=None if log is None else str(log), port=meeting.port)
        self._put("command", json.dumps(command))
        self._work(command, watch)
        for other in range(1, self._drivers):
            while not self._has(f"done/{other}"):
                self._check_others()
                if watch:
                    watch()
                time.sleep(_POLL_SECONDS)
        self._round += 1

    def follow(self) -> None:
        """Run what the first driver runs until it is through; whatever ends it sooner ends the others, too.

        Raises:
            RuntimeError: If a process failed, here or elsewhere, or the first driver is gone.
        """
        try:
            while (command := self._next_command()) is not None:
                self._work(command, None)
                self._put(f"done/{self._rank}", "")
                self._round += 1
            self._leave()
        except torch.distributed.DistError as error:
            raise RuntimeError(f"the pipeline's first process is gone: {error}") from error
        except BaseException as error:
            self._fail(self._reason(error))
            raise

    def finish(self, failure: str | None = None) -> None:
        """Let the other drivers end; to be called by the first one, whatever happened.

        Args:
            failure: Why the pipeline failed, if it did.
        """
        if self._store is None:
            return
        if failure is None:
            self._put("command", json.dumps(None))
        else:
            self._fail(failure)
        # The store ends with this driver, and the others are to learn how it went.
        deadline = time.monotonic() + _SECONDS_TO_LEAVE
        while not self._store.check([f"mmluss/left/{other}" for other in range(1, self._drivers)]):
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)

    def _work(self, command: dict, watch: Callable[[], object] | None) -> None:
        def watch_all() -> None:
            self._check_others()
            if watch:
                watch()

        log = None if command["log"] is None else Path(command["log"])
        if log is not None and not self.leads:
            log = log.with_suffix(f".driver{self._rank}{log.suffix}")
        try:
            environments = [self._environment(index, command["port"]) for index in range(self._local_processes)]
            call_mmseg_tool(command["tool"], command["arguments"], log, watch_all, environments)
        except BaseException as error:
            self._fail(self._reason(error))
            raise

    def _environment(self, index: int, port: int) -> dict[str, str]:
        rank = self._rank * self._local_processes + index
        return dict(
            RANK=str(rank),
            LOCAL_RANK=str(self._local_rank + index),
            WORLD_SIZE=str(self.total_processes),
            MASTER_ADDR=self._address,
            MASTER_PORT=str(port),
            TORCHELASTIC_USE_AGENT_STORE="True",
        )

    def _next_command(self) -> dict | None:
        while not self._has("command"):
            self._check_others()
            time.sleep(_POLL_SECONDS)
        assert self._store is not None
        return json.loads(self._store.get(self._key("command")))

    def _check_others(self) -> None:
        if self._store is not None and self._store.check(["mmluss/failed"]):
            reason = self._store.get("mmluss/failed").decode()
            self._leave()
            raise RuntimeError(reason)

    def _reason(self, error: BaseException) -> str:
        return str(error) or f"{type(error).__name__} in process {self._rank} of the pipeline's {self._drivers}"

    def _fail(self, reason: str) -> None:
        # Where the store is gone, so is the first driver, and there is nobody to tell.
        with suppress(torch.distributed.DistError):
            if self._store is not None and not self._store.check(["mmluss/failed"]):
                self._store.set("mmluss/failed", reason)
            self._leave()

    def _leave(self) -> None:
        if self._store is not None:
            self._store.set(f"mmluss/left/{self._rank}", "")

    def _key(self, name: str) -> str:
        return f"mmluss/{self._round}/{name}"

    def _put(self, name: str, value: str) -> None:
        if self._store is not None:
            self._store.set(self._key(name), value)

    def _has(self, name: str) -> bool:
        return self._store is not None and self._store.check([self._key(name)])


def build_launcher(launcher: PipelineLauncher = "none", gpus: int | None = None) -> StepLauncher:
    """The launcher that the options and the environment of a pipeline ask for.

    Args:
        launcher: "none": one process here. "pytorch": ``gpus`` processes here, and as many on each of ``NNODES``
            machines that run the same command with their own ``NODE_RANK`` (``MASTER_ADDR`` and ``PORT`` as for
            ``tools/dist_train.sh``); or, under torchrun, those that it started. "slurm": the tasks of ``srun``.
        gpus: Processes a machine; only with "pytorch", and not under torchrun.

    Raises:
        ValueError: If the options do not go together, or there are fewer GPUs.
    """
    if launcher not in LAUNCHERS:
        raise ValueError(f"--launcher is one of {', '.join(LAUNCHERS)}, not {launcher!r}")
    if gpus is not None and launcher != "pytorch":
        raise ValueError(f"--gpus {gpus} goes with --launcher pytorch, not with --launcher {launcher}")
    if launcher == "none":
        return StepLauncher()
    started = "RANK" in os.environ and "WORLD_SIZE" in os.environ
    if launcher == "slurm":
        return _driver_of(slurm_environment(), hosted=False)
    if gpus is None:
        if not started:
            raise ValueError("--launcher pytorch needs --gpus N, or to be started by torchrun")
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
        hosted = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        return _driver_of({name: os.environ[name] for name in names}, hosted)
    if started:
        raise ValueError(f"--gpus {gpus} starts processes, which torchrun has done already: leave one of them out")
    return StepLauncher(
        number_of_processes(gpus),
        int(os.environ.get("NODE_RANK", 0)),
        int(os.environ.get("NNODES", 1)),
        os.environ.get("MASTER_ADDR", "127.0.0.1"),
        int(os.environ.get("PORT", DEFAULT_PORT)),
    )


def number_of_processes(gpus: int | None = None) -> int:
    """Processes to start on this machine.

    Args:
        gpus: How many are asked for; by default one for each GPU, or one where there is none.

    Raises:
        ValueError: If there are GPUs, but fewer.
    """
    available = torch.cuda.device_count()
    if gpus is None:
        return max(1, available)
    if gpus < 1 or 0 < available < gpus:
        most = f"1 to {available}" if available else "1 or more processes, on CPUs"
        raise ValueError(f"--gpus {gpus}: this machine has {available} GPUs; give {most}")
    return gpus


def _driver_of(environment: dict[str, str], hosted: bool) -> StepLauncher:
    # Slurm may show each task a GPU of its own.
    gpus = max(1, torch.cuda.device_count())
    return StepLauncher(
        1,
        int(environment["RANK"]),
        int(environment["WORLD_SIZE"]),
        environment["MASTER_ADDR"],
        int(environment["MASTER_PORT"]),
        int(environment["LOCAL_RANK"]) % gpus,
        hosted,
    )
