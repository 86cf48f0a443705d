# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One of two processes of a training is killed: the other one ends, and both resume to the same numbers."""

import os
import signal
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from tests.helpers.forked_runs import finish, losses, start, train, wait_for
from tests.helpers.pause_hook import with_pause
from tests.helpers.ports import unused_port

pytestmark = pytest.mark.slow


def _rank(rank: int, port: int, config: Path, work_dir: Path, *options: str) -> None:
    os.environ |= dict(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        GLOO_SOCKET_IFNAME="lo",
    )
    # mmengine would ask for a GPU first.
    torch.distributed.init_process_group("gloo")
    train(config, work_dir, "--launcher", "pytorch", *options)
    torch.distributed.barrier()
    # A thread of gloo that still lets go of a tensor while the interpreter ends aborts the whole process.
    os._exit(0)


def _start_both(log: Path, *arguments) -> list:
    port = unused_port()
    return [start(log.with_suffix(f".{rank}"), _rank, rank, port, *arguments) for rank in (0, 1)]


def _printed(log: Path) -> str:
    return log.with_suffix(".0").read_text() + log.with_suffix(".1").read_text()


@pytest.fixture
def config(whole, tmp_path) -> Path:
    """Step 1 in two processes on CPUs, with half of the batch each."""
    cfg = Config.fromfile(whole / "1_pretrain" / "config.py")
    cfg.env_cfg.dist_cfg = dict(backend="gloo", timeout=120)
    cfg.sync_bn = None
    cfg.model_wrapper_cfg = dict(type="MMDistributedDataParallel", device_ids=None)
    cfg.train_dataloader.batch_size = 4
    cfg.dump(tmp_path / "two.py")
    return tmp_path / "two.py"


def test_one_of_two_killed_processes_ends_the_other_and_both_resume(config, tmp_path):
    whole = _start_both(tmp_path / "whole.log", config, tmp_path / "whole")
    assert [finish(process) for process in whole] == [0, 0], _printed(tmp_path / "whole.log")

    work = tmp_path / "work"
    both = _start_both(tmp_path / "log", with_pause(config, tmp_path / "paused.py"), work)
    wait_for(lambda: (work / "paused0").is_file() and (work / "paused1").is_file(), both[0])
    os.kill(both[1].pid, signal.SIGKILL)
    finish(both[1])
    (work / "go").touch()
    assert finish(both[0]) not in (0, -signal.SIGKILL)
    assert "Connection" in (tmp_path / "log.0").read_text()

    both = _start_both(tmp_path / "again.log", config, work, "--resume")
    assert [finish(process) for process in both] == [0, 0], _printed(tmp_path / "again.log")
    assert "resumed epoch: 1" in (tmp_path / "again.0").read_text()
    assert losses(work) == losses(tmp_path / "whole")
    assert set(losses(work)) == set(range(1, 10))
