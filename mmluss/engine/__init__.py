# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Optimizer, schedule and hooks."""

from .hooks import CollapseWarningHook, EpochSeedHook, PrototypeHook, PrototypeKMeansHook, PseudoLabelHook, SupportHook
from .larc import LARC
from .layer_decay import LayerDecayOptimWrapperConstructor
from .warmup_cosine import WarmupCosineLR

__all__ = [
    "LARC",
    "CollapseWarningHook",
    "EpochSeedHook",
    "LayerDecayOptimWrapperConstructor",
    "PrototypeHook",
    "PrototypeKMeansHook",
    "PseudoLabelHook",
    "SupportHook",
    "WarmupCosineLR",
]
