# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Optimizer and hooks."""

from .hooks import CollapseWarningHook, EpochSeedHook, PrototypeHook, PrototypeKMeansHook, PseudoLabelHook, SupportHook
from .larc import LARC

__all__ = [
    "LARC",
    "CollapseWarningHook",
    "EpochSeedHook",
    "PrototypeHook",
    "PrototypeKMeansHook",
    "PseudoLabelHook",
    "SupportHook",
]
