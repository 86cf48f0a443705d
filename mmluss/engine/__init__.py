# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Optimizers, schedules and hooks."""

from mmluss.engine.hooks import (
    CheckpointCheckHook,
    ClusterNamesHook,
    CollapseWarningHook,
    EpochSeedHook,
    PrototypeHook,
    PrototypeKMeansHook,
    PseudoLabelHook,
    ResumableRFSearchHook,
    ScoreFilesHook,
    SupportHook,
)
from mmluss.engine.optimizers import LARC, LayerDecayOptimWrapperConstructor
from mmluss.engine.schedulers import WarmupCosineLR

__all__ = [
    "LARC",
    "CheckpointCheckHook",
    "ClusterNamesHook",
    "CollapseWarningHook",
    "EpochSeedHook",
    "LayerDecayOptimWrapperConstructor",
    "PrototypeHook",
    "PrototypeKMeansHook",
    "PseudoLabelHook",
    "ResumableRFSearchHook",
    "ScoreFilesHook",
    "SupportHook",
    "WarmupCosineLR",
]
