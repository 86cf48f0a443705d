# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The command ``mmluss``: arguments and what is shown; the work is in ``mmluss.apis``."""

from mmluss.cli.main import main

__all__ = ["main"]
