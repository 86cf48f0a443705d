# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
import subprocess
import sys

import pytest

from mmluss.utils.folder_lock import only_run_in


def test_a_second_run_is_told_of_the_first(tmp_path):
    with only_run_in(tmp_path / "work"):
        message = rf"work: another run is at work .*\(process {os.getpid()} on ."
        with pytest.raises(RuntimeError, match=message), only_run_in(tmp_path / "work"):
            pass
        with only_run_in(tmp_path / "other"):
            pass
    with only_run_in(tmp_path / "work"):
        pass


def test_the_lock_of_another_person_can_be_taken(tmp_path, monkeypatch):
    (tmp_path / ".lock").write_text("process 7 on elsewhere")
    # Also for those who may write everything.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with only_run_in(tmp_path):
        assert (tmp_path / ".lock").read_text() == "process 7 on elsewhere"
        with pytest.raises(RuntimeError, match="another run is at work"), only_run_in(tmp_path):
            pass


def test_a_killed_run_keeps_nobody_out(tmp_path):
    script = (
        "import os, sys; from mmluss.utils.folder_lock import only_run_in\n"
        "with only_run_in(sys.argv[1]):\n    os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, tmp_path], capture_output=True)
    assert done.returncode == -9
    with only_run_in(tmp_path):
        assert f"process {os.getpid()}" in (tmp_path / ".lock").read_text()


def test_children_of_a_killed_run_keep_nobody_out(tmp_path):
    script = (
        "import os, sys, time; from mmluss.utils.folder_lock import only_run_in\n"
        "with only_run_in(sys.argv[1]):\n"
        "    if os.fork() == 0:\n"
        "        print(os.getpid(), flush=True)\n"
        "        time.sleep(600)\n"
        "    sys.stdin.read(1)\n"
        "    os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        child = int(run.stdout.readline())
        try:
            with pytest.raises(RuntimeError, match="another run is at work"), only_run_in(tmp_path):
                pass
            run.stdin.write("\n")
            run.stdin.flush()
            assert run.wait() == -9
            os.kill(child, 0)
            with only_run_in(tmp_path):
                assert f"process {os.getpid()}" in (tmp_path / ".lock").read_text()
        finally:
            os.kill(child, 9)


def test_the_end_of_a_child_does_not_end_the_lock(tmp_path):
    with only_run_in(tmp_path):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        with pytest.raises(RuntimeError, match="another run is at work"), only_run_in(tmp_path):
            pass
