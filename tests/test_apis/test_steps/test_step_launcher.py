# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from mmluss.apis.steps import step_launcher
from mmluss.apis.steps.step_launcher import StepLauncher, build_launcher
from mmluss.apis.tools.cpu_processes import join_cpu_processes, slurm_environment
from tests.helpers.ports import unused_port

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NNODES", "NODE_RANK", "PORT")


@pytest.fixture(autouse=True)
def _no_launcher_around(monkeypatch):
    for name in (
        *VARIABLES,
        "TORCHELASTIC_USE_AGENT_STORE",
        *(name for name in os.environ if name.startswith("SLURM_")),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def calls(monkeypatch):
    """What is started in place of processes, in the order of their ranks within a call."""
    found, lock = [], threading.Lock()

    def call(tool, arguments, log=None, watch=None, environments=({},)):
        with lock:
            found.append(dict(tool=tool, arguments=list(arguments), log=log, environments=list(environments)))
        if watch:
            watch()

    monkeypatch.setattr(step_launcher, "call_mmseg_tool", call)
    return found


def test_alone_a_tool_runs_as_it_is(calls):
    launcher = build_launcher()
    assert launcher.leads and launcher.total_processes == 1
    launcher("train", ["config.py"], "train.log")
    launcher.finish()
    assert calls == [dict(tool="train", arguments=["config.py"], log="train.log", environments=[{}])]


def test_a_process_a_gpu(calls, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    launcher = build_launcher("pytorch", 3)
    assert launcher.leads and launcher.total_processes == 3
    launcher("test", [Path("config.py"), "a.pth"])
    [call] = calls
    assert call["arguments"] == ["config.py", "a.pth", "--launcher", "pytorch"]
    environments = call["environments"]
    assert [environment["RANK"] for environment in environments] == ["0", "1", "2"]
    assert [environment["LOCAL_RANK"] for environment in environments] == ["0", "1", "2"]
    assert {environment["WORLD_SIZE"] for environment in environments} == {"3"}
    assert {environment["MASTER_ADDR"] for environment in environments} == {"127.0.0.1"}
    assert len({environment["MASTER_PORT"] for environment in environments}) == 1


def drivers(port: int, count: int, processes: int = 1):
    """Launchers of several drivers, which wait for each other."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda rank: StepLauncher(processes, rank, count, "127.0.0.1", port), range(count)))


def test_machines_follow_the_first_one(calls):
    first, *others = drivers(unused_port(), 3, processes=2)
    assert [launcher.leads for launcher in (first, *others)] == [True, False, False]
    assert {launcher.total_processes for launcher in (first, *others)} == {6}
    with ThreadPoolExecutor() as pool:
        ends = [pool.submit(other.follow) for other in others]
        seen = []
        for tool in ("train", "test"):
            first(tool, ["config.py"], "work/step.log", lambda: seen.append(1))
            # All have done their part when a call is over.
            assert len(calls) == 3 and seen
            assert {call["tool"] for call in calls} == {tool}
            ranks = sorted(int(environment["RANK"]) for call in calls for environment in call["environments"])
            assert ranks == list(range(6))
            gpus = [[environment["LOCAL_RANK"] for environment in call["environments"]] for call in calls]
            assert gpus == [["0", "1"]] * 3
            assert len({environment["MASTER_PORT"] for call in calls for environment in call["environments"]}) == 1
            logs = sorted(str(call["log"]) for call in calls)
            assert logs == ["work/step.driver1.log", "work/step.driver2.log", "work/step.log"]
            calls.clear()
        first.finish()
        assert [end.result(timeout=30) for end in ends] == [None, None]


def test_a_failure_anywhere_ends_all_with_its_reason(monkeypatch):
    first, second, third = drivers(unused_port(), 3)

    def call(tool, arguments, log, watch, environments):
        if environments[0]["RANK"] == "1":
            raise RuntimeError("out of memory on the second machine")
        while True:
            watch()
            time.sleep(0.01)

    monkeypatch.setattr(step_launcher, "call_mmseg_tool", call)
    with ThreadPoolExecutor() as pool:
        ends = [pool.submit(other.follow) for other in (second, third)]
        with pytest.raises(RuntimeError, match="out of memory on the second machine"):
            first("train", ["config.py"])
        first.finish("out of memory on the second machine")
        for end in ends:
            with pytest.raises(RuntimeError, match="out of memory on the second machine"):
                end.result(timeout=30)


def test_others_hear_of_an_error_between_steps(calls):
    first, second = drivers(unused_port(), 2)
    with ThreadPoolExecutor() as pool:
        end = pool.submit(second.follow)
        first.finish("no masks")
        with pytest.raises(RuntimeError, match="no masks"):
            end.result(timeout=30)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit("killed by the scheduler")])
def test_a_follower_that_is_stopped_between_steps_ends_the_others(calls, monkeypatch, stop):
    first, second = drivers(unused_port(), 2)

    def interrupted():
        raise stop

    monkeypatch.setattr(second, "_next_command", interrupted)
    with pytest.raises(type(stop)):
        second.follow()
    end = time.monotonic() + 20

    def watch():
        assert time.monotonic() < end

    with pytest.raises(RuntimeError, match=str(stop) or "KeyboardInterrupt in process 1 of the pipeline's 2"):
        first("train", ["config.py"], watch=watch)


@pytest.mark.parametrize("leads", [True, False])
def test_a_driver_that_is_stopped_at_work_ends_the_others(monkeypatch, leads):
    first, second = drivers(unused_port(), 2)

    def call(tool, arguments, log, watch, environments):
        if (environments[0]["RANK"] == "0") is leads:
            raise KeyboardInterrupt
        for _ in range(200):
            watch()
            time.sleep(0.01)
        raise TimeoutError

    monkeypatch.setattr(step_launcher, "call_mmseg_tool", call)
    errors = (KeyboardInterrupt, RuntimeError) if leads else (RuntimeError, KeyboardInterrupt)
    with ThreadPoolExecutor() as pool:
        end = pool.submit(second.follow)
        with pytest.raises(errors[0]):
            first("train", ["config.py"])
        with pytest.raises(errors[1]):
            end.result(timeout=30)


def lead_and_sleep(port: int) -> None:
    StepLauncher(1, 0, 2, "127.0.0.1", port)
    time.sleep(600)


@pytest.mark.slow
def test_a_killed_first_driver_ends_the_others():
    port = unused_port()
    process = multiprocessing.get_context("spawn").Process(target=lead_and_sleep, args=(port,))
    process.start()
    second = StepLauncher(1, 1, 2, "127.0.0.1", port)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with pytest.raises(RuntimeError, match="first process is gone"):
        second.follow()


def test_drivers_that_do_not_meet(monkeypatch):
    monkeypatch.setattr(step_launcher, "_MEETING", timedelta(seconds=1))
    with pytest.raises(RuntimeError, match=r"2 processes did not meet at 127.0.0.1:\d+: .*same MASTER_ADDR and port"):
        StepLauncher(1, 0, 2, "127.0.0.1", unused_port())


@pytest.mark.parametrize(
    ("launcher", "gpus", "started", "message"),
    [
        ("none", 2, False, "--gpus 2 goes with --launcher pytorch, not with --launcher none"),
        ("slurm", 2, False, "--gpus 2 goes with --launcher pytorch, not with --launcher slurm"),
        ("pytorch", None, False, "needs --gpus N, or to be started by torchrun"),
        ("pytorch", 2, True, "--gpus 2 starts processes, which torchrun has done already"),
        ("pytorch", 8, False, "--gpus 8: this machine has 4"),
        ("pytorch", 0, False, "--gpus 0: this machine has 4"),
        ("mpi", None, False, "--launcher is one of none, pytorch, slurm, not 'mpi'"),
    ],
)
def test_options_that_do_not_go_together(launcher, gpus, started, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    if started:
        monkeypatch.setenv("RANK", "0")
        monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=message):
        build_launcher(launcher, gpus)


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """Variables of the fourth of six tasks on three nodes."""
    scontrol = tmp_path / "scontrol"
    scontrol.write_text('#!/bin/sh\n[ "$3" = "node[1-3]" ] && printf "node1\\nnode2\\nnode3\\n"\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name, value in dict(PROCID="3", LOCALID="1", NTASKS="6", NODELIST="node[1-3]").items():
        monkeypatch.setenv(f"SLURM_{name}", value)


def test_slurm_s_variables(slurm, monkeypatch):
    expected = dict(RANK="3", LOCAL_RANK="1", WORLD_SIZE="6", MASTER_ADDR="node1", MASTER_PORT="29500")
    assert slurm_environment() == expected
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.9")
    monkeypatch.setenv("MASTER_PORT", "1234")
    assert slurm_environment() == expected | dict(MASTER_ADDR="10.0.0.9", MASTER_PORT="1234")


@pytest.mark.parametrize(("gpus", "expected"), [(0, 0), (1, 0), (4, 1)])
def test_a_task_of_slurm_is_a_driver_with_one_process(slurm, monkeypatch, gpus, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    built = []
    monkeypatch.setattr(step_launcher, "StepLauncher", lambda *arguments: built.append(arguments))
    build_launcher("slurm")
    assert built == [(1, 3, 6, "node1", 29500, expected, False)]


def test_machines_are_those_of_dist_train(monkeypatch):
    for name, value in dict(NNODES="2", NODE_RANK="1", MASTER_ADDR="10.0.0.9", PORT="1234").items():
        monkeypatch.setenv(name, value)
    built = []
    monkeypatch.setattr(step_launcher, "StepLauncher", lambda *arguments: built.append(arguments))
    build_launcher("pytorch", 8)
    assert built == [(8, 1, 2, "10.0.0.9", 1234)]


def test_one_process_joins_nothing():
    assert join_cpu_processes("none") is False


SCRIPT = """
import json, os, sys
from torch import distributed
from mmluss.apis.steps import step_launcher

def call(tool, arguments, log, watch, environments):
    [environment] = environments
    os.environ.update(environment)
    distributed.init_process_group("gloo")
    ranks = [None] * distributed.get_world_size()
    distributed.all_gather_object(ranks, distributed.get_rank())
    distributed.barrier()
    distributed.destroy_process_group()
    with open(f"{sys.argv[1]}/{environment['RANK']}.jsonl", "a") as file:
        file.write(json.dumps([tool, ranks, environment["MASTER_PORT"]]) + "\\n")

step_launcher.call_mmseg_tool = call
launcher = step_launcher.build_launcher("pytorch")
if launcher.leads:
    for tool in ("train", "test"):
        launcher(tool, ["config.py"])
    launcher.finish()
else:
    launcher.follow()
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.slow
def test_processes_of_torchrun_are_drivers(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["--master_port", str(unused_port()), str(tmp_path / "script.py"), str(tmp_path)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS="1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [list(map(json.loads, (tmp_path / f"{rank}.jsonl").read_text().splitlines())) for rank in range(2)]
    assert found[0] == found[1]
    assert [(tool, ranks) for tool, ranks, _ in found[0]] == [("train", [0, 1]), ("test", [0, 1])]
