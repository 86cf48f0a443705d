# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""``python -m mmluss``, the same as the command ``mmluss``."""

from mmluss.cli import main

if __name__ == "__main__":
    main()
