# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Images that vanish, change or are cut off, and loading processes that are killed, while a training runs."""

import os
import shutil
import signal

import psutil
import pytest

from tests.helpers.forked_runs import finish, losses, start, train, wait_for
from tests.helpers.pause_hook import with_pause

pytestmark = pytest.mark.slow


def _cut_off(path):
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "No such file or directory"),
        (_cut_off, "damaged, cut off or no image"),
        (lambda path: path.write_bytes(b""), "empty file"),
    ],
    ids=["vanished", "cut off", "empty"],
)
def test_a_bad_image_is_named(harm, reason, whole, data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    config = with_pause(whole / "1_pretrain" / "config.py", tmp_path / "paused.py", tmp_path / "data")
    image = tmp_path / "data" / "train" / "blue_box" / "image_3.JPEG"
    process = start(tmp_path / "log", train, config, tmp_path / "work")
    wait_for((tmp_path / "work" / "paused0").is_file, process)
    harm(image)
    (tmp_path / "work" / "go").touch()
    assert finish(process) == 1
    assert f"ValueError: {image}: unreadable image ({reason})" in (tmp_path / "log").read_text()


def test_a_killed_loading_process_is_named_and_the_run_resumes(whole, tmp_path):
    log, work, config = tmp_path / "log", tmp_path / "work", whole / "1_pretrain" / "config.py"
    process = start(log, train, with_pause(config, tmp_path / "paused.py"), work)
    wait_for((work / "paused0").is_file, process)
    for worker in psutil.Process(process.pid).children():
        os.kill(worker.pid, signal.SIGKILL)
    (work / "go").touch()
    assert finish(process) == 1
    line = log.read_text().splitlines()[-1]
    assert line.startswith("A loading process is gone, often for want of memory: DataLoader worker ")
    assert line.endswith("the same command with --resume goes on after the last checkpoint")
    code = finish(start(log, train, config, work, "--resume"))
    assert code == 0, log.read_text()
    assert losses(work) == losses(whole / "1_pretrain")
