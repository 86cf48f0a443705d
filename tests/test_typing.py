# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
USE = """
import numpy as np
from mmluss import read_label_map, write_label_map

write_label_map("map.png", np.zeros((2, 2), np.uint16))
write_label_map("map.png", "ids")
read_label_map(3)
"""


@pytest.mark.slow
def test_a_caller_s_wrong_argument_types_are_errors(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    # With the cache of the lint before the tests, where there was one.
    command = ["-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"]
    done = subprocess.run(
        [sys.executable, *command, tmp_path / "use.py"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    errors = [line for line in done.stdout.splitlines() if "use.py" in line and ": error:" in line]
    assert [int(line.split("use.py:")[1].split(":")[0]) for line in errors] == [6, 7]
