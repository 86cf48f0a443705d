# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
import signal
import time

import pytest

from mmluss.apis.tools.tool_processes import call_in_process, call_mmseg_tool, last_error

CONFIG = """
_os = __import__("os")
open({record!r}, "a").write(f"{{_os.getpid()}} {{_os.getppid()}} ")
model = None
"""


@pytest.mark.slow
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


def fail_or_wait(folder):
    rank = os.environ["RANK_OF_TEST"]
    with open(f"{folder}/{rank}", "w") as file:
        file.write(f"{os.getpid()}")
    print(f"process {rank}")
    if rank == "1":
        while not all(os.path.exists(f"{folder}/{other}") for other in (0, 2)):
            time.sleep(0.01)
        raise ValueError("the second one has no disk left")
    time.sleep(600)


def test_one_of_several_processes_that_fails_ends_the_others(tmp_path):
    environments = [dict(RANK_OF_TEST=str(rank)) for rank in range(3)]
    with pytest.raises(RuntimeError, match=r"(?s)several: .*log\.1\.txt.*ValueError: the second one has no disk left"):
        call_in_process("several", fail_or_wait, (str(tmp_path),), tmp_path / "log.txt", environments=environments)
    numbers = [int((tmp_path / str(rank)).read_text()) for rank in range(3)]
    assert len(set(numbers)) == 3
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
    assert (tmp_path / "log.1.txt").read_text().startswith("process 1")
    assert "RANK_OF_TEST" not in os.environ


def fail():
    raise ValueError("the learning rate is negative")


def be_killed():
    print("Epoch(train) [1][1/3]", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def be_killed_silently():
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_error_of_an_earlier_attempt_is_not_the_reason(tmp_path):
    log = tmp_path / "log.txt"
    with pytest.raises(RuntimeError, match="ValueError: the learning rate is negative"):
        call_in_process("step", fail, (), log)
    with pytest.raises(RuntimeError, match=r"(?s)killed by signal 9 .*log\.txt\nEpoch\(train\) \[1\]\[1/3\]$"):
        call_in_process("step", be_killed, (), log)
    with pytest.raises(RuntimeError, match=r"step: it was killed by signal 9 \(out of memory\?\); it printed nothing$"):
        call_in_process("step", be_killed_silently, (), log)
    assert "the learning rate is negative" in log.read_text()


def test_a_log_that_cannot_be_opened_is_no_reason(tmp_path):
    (tmp_path / "logs").touch()
    with pytest.raises(RuntimeError, match="step: it ended with code 1; it printed nothing"):
        call_in_process("step", fail, (), tmp_path / "logs" / "log.txt")


def test_what_watches_may_end_the_work(tmp_path):
    def watch():
        raise RuntimeError("no longer wanted")

    with pytest.raises(RuntimeError, match="no longer wanted"):
        call_in_process("waiting", time.sleep, (600,), watch=watch, every=0.01)


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
    (tmp_path / "log").write_text("ValueError: before\n" + text)
    assert last_error(tmp_path / "log", len("ValueError: before\n")) == expected
