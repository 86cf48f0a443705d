# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Hooks that steer training from outside of the models."""

from .checkpoint_check_hook import CheckpointCheckHook
from .collapse_warning_hook import CollapseWarningHook
from .epoch_seed_hook import EpochSeedHook
from .prototype_hook import PrototypeHook
from .prototype_kmeans_hook import PrototypeKMeansHook
from .pseudo_label_hook import PseudoLabelHook
from .resumable_rf_search_hook import ResumableRFSearchHook
from .score_files_hook import ScoreFilesHook
from .support_hook import SupportHook

__all__ = [
    "CheckpointCheckHook",
    "CollapseWarningHook",
    "EpochSeedHook",
    "PrototypeHook",
    "PrototypeKMeansHook",
    "PseudoLabelHook",
    "ResumableRFSearchHook",
    "ScoreFilesHook",
    "SupportHook",
]
