# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Hooks that steer training from outside of the models."""

from mmluss.engine.hooks.checkpoint_check_hook import CheckpointCheckHook
from mmluss.engine.hooks.cluster_names_hook import ClusterNamesHook
from mmluss.engine.hooks.collapse_warning_hook import CollapseWarningHook
from mmluss.engine.hooks.epoch_seed_hook import EpochSeedHook
from mmluss.engine.hooks.finite_loss_hook import FiniteLossHook
from mmluss.engine.hooks.id_check_hook import IdCheckHook
from mmluss.engine.hooks.late_runtime_info_hook import LateRuntimeInfoHook
from mmluss.engine.hooks.prototype_hook import PrototypeHook
from mmluss.engine.hooks.prototype_kmeans_hook import PrototypeKMeansHook
from mmluss.engine.hooks.pseudo_label_hook import PseudoLabelHook
from mmluss.engine.hooks.resumable_rf_search_hook import ResumableRFSearchHook
from mmluss.engine.hooks.saved_config_hook import SavedConfigHook
from mmluss.engine.hooks.score_files_hook import ScoreFilesHook
from mmluss.engine.hooks.support_hook import SupportHook
from mmluss.engine.hooks.visualization_hook import LUSSVisualizationHook
from mmluss.engine.hooks.whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    "CheckpointCheckHook",
    "ClusterNamesHook",
    "CollapseWarningHook",
    "EpochSeedHook",
    "FiniteLossHook",
    "IdCheckHook",
    "LUSSVisualizationHook",
    "LateRuntimeInfoHook",
    "PrototypeHook",
    "PrototypeKMeansHook",
    "PseudoLabelHook",
    "ResumableRFSearchHook",
    "SavedConfigHook",
    "ScoreFilesHook",
    "SupportHook",
    "WholeCheckpointHook",
]
