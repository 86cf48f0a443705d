# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "quickstart.sh"


@pytest.fixture
def checkout(tmp_path):
    """The script, and beside it others that do nothing."""
    tools = tmp_path / "checkout" / "tools"
    tools.mkdir(parents=True)
    shutil.copy(SCRIPT, tools)
    for name in ("install.sh", "activate.sh"):
        (tools / name).touch()
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\npwd\nprintf "<%s>" "$@"\necho\n')
    python.chmod(0o755)
    return tools.parent


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], []),
        (["--work-dir", "my runs"], ["--work-dir", "HERE/my runs"]),
        (["--data-root=photos", "--amp"], ["--data-root=HERE/photos", "--amp"]),
        (["--work-dir", "/a b", "--data-root=/c"], ["--work-dir", "/a b", "--data-root=/c"]),
        (["--cfg-options", "controls=[]", "work-dir=x"], ["--cfg-options", "controls=[]", "work-dir=x"]),
    ],
)
def test_folders_are_those_of_the_caller(given, meant, checkout, tmp_path):
    caller = tmp_path / "caller"
    caller.mkdir()
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "../checkout/tools/quickstart.sh", *given]
    done = subprocess.run(command, cwd=caller, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *_, folder, arguments = done.stdout.splitlines()
    # Everything else is found from the checkout, whose config names its data.
    assert folder == str(checkout)
    expected = [argument.replace("HERE", str(caller)) for argument in meant]
    assert arguments.partition("mini-imagenets.py>")[2] == "".join(f"<{argument}>" for argument in expected)
