# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Ctrl-C and SIGTERM end a training with one line, and it resumes."""

import os
import signal
from pathlib import Path

import pytest

from tests.helpers.forked_runs import finish, losses, start, train, wait_for
from tests.helpers.pause_hook import with_pause

pytestmark = pytest.mark.slow

LINE = "stopped; the same command with --resume goes on after the last checkpoint"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_line_and_a_resumable_run(number, status, whole, tmp_path):
    log, work = tmp_path / "log", tmp_path / "work"
    config: Path = whole / "1_pretrain" / "config.py"
    process = start(log, train, with_pause(config, tmp_path / "paused.py"), work)
    wait_for((work / "paused0").is_file, process)
    os.kill(process.pid, number)
    assert finish(process) == status
    printed = log.read_text()
    assert "Traceback" not in printed
    assert printed.splitlines()[-1] == LINE
    code = finish(start(log, train, config, work, "--resume"))
    assert code == 0, log.read_text()
    assert losses(work) == losses(whole / "1_pretrain")
