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
