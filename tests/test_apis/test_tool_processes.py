# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os

import pytest

from mmluss.apis.tool_processes import call_mmseg_tool, last_error

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


def test_a_log_takes_what_is_printed_and_the_error_ends_the_message(tmp_path, capfd):
    config, log = tmp_path / "bad.py", tmp_path / "logs" / "train.log"
    config.write_text(CONFIG.format(record=str(tmp_path / "record")))
    seen = []
    with pytest.raises(RuntimeError) as error:
        call_mmseg_tool("train", [config, "--work-dir", tmp_path], log, lambda: seen.append(1))
    lines = str(error.value).splitlines()
    assert str(log) in lines[0] and lines[-1].startswith("TypeError: model should be")
    assert "Traceback" in log.read_text() and seen
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a\nb\n\n", "b"),
        ("Traceback\n  File\nmmengine.x.SomeError: first\n  second\n", "mmengine.x.SomeError: first\n  second"),
        ("KeyError: 1\n\nDuring handling\nValueError: 2\n", "ValueError: 2"),
    ],
)
def test_last_error(tmp_path, text, expected):
    (tmp_path / "log").write_text(text)
    assert last_error(tmp_path / "log") == expected
