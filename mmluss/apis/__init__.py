# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Whole jobs made of many parts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmluss.apis.pipeline.pass_pipeline import PASSPipeline

__all__ = ["PASSPipeline"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: the command's options are read without it.
    if name == "PASSPipeline":
        from mmluss.apis.pipeline.pass_pipeline import PASSPipeline

        return PASSPipeline
    raise AttributeError(f"module 'mmluss.apis' has no attribute {name!r}")
