# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Schedules of learning rates."""

from mmluss.engine.schedulers.warmup_cosine import WarmupCosineLR

__all__ = ["WarmupCosineLR"]
