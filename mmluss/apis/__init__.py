# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Whole jobs made of many parts."""

from mmluss.apis.pass_pipeline import PASSPipeline

__all__ = ["PASSPipeline"]
