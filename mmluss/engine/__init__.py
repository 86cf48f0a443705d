# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Loops, optimizers, schedules, hooks and the wrapper of models of many processes."""

from mmluss.engine.hooks import (
    CheckpointCheckHook,
    ClusterNamesHook,
    CollapseWarningHook,
    EpochSeedHook,
    FiniteLossHook,
    IdCheckHook,
    LateRuntimeInfoHook,
    LUSSVisualizationHook,
    PrototypeHook,
    PrototypeKMeansHook,
    PseudoLabelHook,
    ResumableRFSearchHook,
    SavedConfigHook,
    ScoreFilesHook,
    SupportHook,
    WholeCheckpointHook,
)
from mmluss.engine.loops import FullBatchTrainLoop
from mmluss.engine.model_wrapper import LUSSDataParallel
from mmluss.engine.optimizers import LARC, CPUAmpOptimWrapper, LayerDecayOptimWrapperConstructor
from mmluss.engine.schedulers import WarmupCosineLR

__all__ = [
    "LARC",
    "CPUAmpOptimWrapper",
    "CheckpointCheckHook",
    "ClusterNamesHook",
    "CollapseWarningHook",
    "EpochSeedHook",
    "FiniteLossHook",
    "FullBatchTrainLoop",
    "IdCheckHook",
    "LUSSDataParallel",
    "LUSSVisualizationHook",
    "LateRuntimeInfoHook",
    "LayerDecayOptimWrapperConstructor",
    "PrototypeHook",
    "PrototypeKMeansHook",
    "PseudoLabelHook",
    "ResumableRFSearchHook",
    "SavedConfigHook",
    "ScoreFilesHook",
    "SupportHook",
    "WarmupCosineLR",
    "WholeCheckpointHook",
]
