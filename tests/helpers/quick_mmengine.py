# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Importing this has mmengine write configs unformatted: six times a run, that takes as long as a tiny training."""

import ast

from mmengine.config import config


def _unformatted(text: str, **_: object) -> tuple[str, bool]:
    """What yapf would format is Python at least."""
    ast.parse(text)
    return text, True


config.FormatCode = _unformatted
