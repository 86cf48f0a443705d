# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import errno
import os
import signal
import threading

import pytest

from mmluss.apis.tools.endings import one_line_endings


def run(error, capsys):
    with pytest.raises(SystemExit) as end, one_line_endings("work", "go on so"):
        raise error
    return end.value.code, capsys.readouterr().err


def test_control_c(capsys):
    assert run(KeyboardInterrupt(), capsys) == (130, "stopped; go on so\n")


def test_sigterm(capsys):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end, one_line_endings("work", "go on so"):
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(10)
    assert end.value.code == 143
    assert capsys.readouterr().err == "stopped; go on so\n"
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("name", "place"), [(None, "work"), ("a.pth", "a.pth")])
def test_full_disk(name, place, capsys):
    error = OSError(errno.ENOSPC, "No space left on device", name)
    assert run(error, capsys)[0] == f"No space left on device: {place}. Make room; go on so"


def test_killed_loading_process(capsys):
    error = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. \nmore")
    assert run(error, capsys)[0] == (
        "A loading process is gone, often for want of memory: DataLoader worker (pid 7) is killed by signal: Killed.  "
        "Lower num_workers or batch_size; go on so"
    )


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), EOFError(), FileNotFoundError(2, "no socket")])
def test_loading_process_that_ends_while_its_batch_is_fetched(error, capsys):
    def _try_get_data():
        raise error

    with pytest.raises(SystemExit) as end, one_line_endings("work", "go on so"):
        _try_get_data()
    assert end.value.code == (
        "A loading process is gone, often for want of memory: DataLoader worker ended while its batch was fetched "
        f"({type(error).__name__}). Lower num_workers or batch_size; go on so"
    )
    with pytest.raises(type(error)), one_line_endings("work", "go on so"):
        raise type(error)


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), OSError(errno.EACCES, "x"), SystemExit(3)])
def test_other_errors_pass(error):
    with pytest.raises(type(error)) as caught, one_line_endings("work", "go on so"):
        raise error
    assert caught.value is error


def test_another_thread_may_use_it():
    ends = []

    def work():
        with one_line_endings("work", "go on so"):
            ends.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ends == ["done"]
