# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Test a model: mmsegmentation's test.py, with configs also found by name.

    python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--cfg-options KEY=VALUE ...]

CONFIG is a path, or the name of a config that comes with mmluss (``--help`` lists all options).
"""

import sys

from mmluss.apis.tools.mmseg_tools import run_mmseg_tool

if __name__ == "__main__":
    run_mmseg_tool("test", sys.argv[1:])
