# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os

import pytest

from mmluss.apis.tool_processes import call_mmseg_tool

CONFIG = """
_os = __import__("os")
open({record!r}, "a").write(f"{{_os.getpid()}} {{_os.getppid()}} ")
model = None
"""


def test_each_call_is_a_process_of_its_own_and_a_failed_one_repeats_its_command(tmp_path):
    config, record = tmp_path / "bad config.py", tmp_path / "processes"
    config.write_text(CONFIG.format(record=str(record)))
    for _ in range(2):
        with pytest.raises(
            RuntimeError,
            match=r"python tools/train\.py '.*bad config\.py' --work-dir .*: it ended with code 1; its last lines",
        ):
            call_mmseg_tool("train", [config, "--work-dir", tmp_path])
    numbers = record.read_text().split()
    processes, servers = set(numbers[::2]), set(numbers[1::2])
    assert len(processes) == 2
    assert len(servers) == 1
    assert str(os.getpid()) not in processes | servers


def test_help_ends_well():
    call_mmseg_tool("train", ["--help"])
