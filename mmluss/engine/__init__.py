# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Loops, optimizers, schedules and hooks."""

from mmluss.engine.hooks import (
    CheckpointCheckHook,
    CollapseWarningHook,
    EpochSeedHook,
    FiniteLossHook,
    IdCheckHook,
    PrototypeHook,
    PrototypeKMeansHook,
    PseudoLabelHook,
    ResumableRFSearchHook,
    ScoreFilesHook,
    SupportHook,
    WholeCheckpointHook,
)
from mmluss.engine.loops import FullBatchTrainLoop
from mmluss.engine.optimizers import LARC, LayerDecayOptimWrapperConstructor
from mmluss.engine.schedulers import WarmupCosineLR

__all__ = [
    "LARC",
    "CheckpointCheckHook",
    "CollapseWarningHook",
    "EpochSeedHook",
    "FiniteLossHook",
    "FullBatchTrainLoop",
    "IdCheckHook",
    "LayerDecayOptimWrapperConstructor",
    "PrototypeHook",
    "PrototypeKMeansHook",
    "PseudoLabelHook",
    "ResumableRFSearchHook",
    "ScoreFilesHook",
    "SupportHook",
    "WarmupCosineLR",
    "WholeCheckpointHook",
]
