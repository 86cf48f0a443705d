# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps in processes that can be killed, forked from one that has imported everything; and what they left behind."""

import ctypes
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import runner

from mmluss.apis import PASSPipeline
from mmluss.apis.steps import step_launcher
from mmluss.apis.steps.training_folder import training_records
from mmluss.apis.tools.mmseg_tools import run_mmseg_tool
from mmluss.apis.tools.tool_processes import PRELOADED

SECONDS = 300
_PR_SET_PDEATHSIG = 1


def start(log: Path, function: Callable[..., object], *arguments: object) -> BaseProcess:
    """Begin a function in a process of its own; what it prints goes to a file."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, __name__])
    process = context.Process(target=_logged, args=(log, function, arguments))
    process.start()
    return process


def finish(process: BaseProcess) -> int:
    """Exit status of a process: negative, the signal that killed it."""
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        raise TimeoutError(f"process {process.pid} has not ended in {SECONDS} s")
    assert process.exitcode is not None
    return process.exitcode


def wait_for(condition: Callable[[], object], process: BaseProcess) -> None:
    """Wait until something has happened, or the process has ended."""
    end = time.monotonic() + SECONDS
    while not condition() and process.is_alive() and time.monotonic() < end:
        time.sleep(0.01)


def train(config: Path, work_dir: Path, *options: str) -> None:
    """``tools/train.py``."""
    run_mmseg_tool("train", [str(config), "--work-dir", str(work_dir), *options])


def run_pipeline(config: Path, work_dir: Path) -> None:
    """``tools/run_pipeline.py`` whose steps are forked from it, not from a server that imports everything once more."""
    step_launcher.call_mmseg_tool = _fork_tool
    PASSPipeline(Config.fromfile(config), work_dir).run()


def _logged(log: Path, function: Callable[..., object], arguments: tuple) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    # What a shell starts in the background has it and all its children deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    # What runners log takes longer than such a short training: versions of compilers.
    runner.collect_env = dict
    function(*arguments)


def _fork_tool(tool: str, arguments: list, log: object = None, watch: object = None) -> None:
    child = os.fork()
    if child == 0:
        # As the real ones do, it ends with the process that has started it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        code = 1
        try:
            run_mmseg_tool(tool, [str(argument) for argument in arguments])
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if status:
        raise RuntimeError(f"{tool} ended with status {status}")


def losses(work_dir: Path) -> dict[int, float]:
    """Loss of each iteration; where one was repeated, the last."""
    return {record["step"]: record["loss"] for record in training_records(Path(work_dir)) if "loss" in record}


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Weights in a checkpoint, which must be whole."""
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def results(work_dir: Path) -> dict[str, Any]:
    """All that a pipeline left behind and that is to be the same whatever happened on the way."""
    report = json.loads((work_dir / "report.json").read_text())
    steps = {step["name"]: step["figures"] for step in report["steps"]}
    maps = sorted(work_dir.glob("*/pixel_labels/**/*.png"))
    labels = {str(path.relative_to(work_dir)): path.read_bytes() for path in maps}
    curves = {name: losses(work_dir / name) for name in trained_steps(work_dir)}
    return dict(miou=report["miou"], steps=steps, labels=labels, curves=curves)


def trained_steps(work_dir: Path) -> list[str]:
    """Names of a pipeline's training steps."""
    return sorted(path.parent.name for path in work_dir.glob("*/last_checkpoint"))


def final_weights(work_dir: Path) -> dict[str, torch.Tensor]:
    """Weights of the last checkpoints of a pipeline's training steps, by step and name."""
    found = {}
    for step in trained_steps(work_dir):
        last = work_dir / step / Path((work_dir / step / "last_checkpoint").read_text()).name
        found |= {f"{step} {name}": value for name, value in weights(last).items()}
    return found
