# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Train a model: mmsegmentation's train.py, with configs also found by name.

    python tools/train.py CONFIG [--work-dir DIR] [--resume] [--amp] [--cfg-options KEY=VALUE ...]

CONFIG is a path, or the name of a config that comes with mmluss (``--help`` lists all options).
"""

import sys

from mmluss.apis.tools.mmseg_tools import run_mmseg_tool

if __name__ == "__main__":
    run_mmseg_tool("train", sys.argv[1:])
