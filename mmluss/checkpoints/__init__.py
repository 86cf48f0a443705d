# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Checkpoint files: read, recognized, checked and converted."""

from mmluss.checkpoints.direct_loading import PublishedPretrainedInit, load_from_local_or_published
from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss
from mmluss.checkpoints.kinds import CheckpointKind, check_state_dict, checkpoint_weights, detect_checkpoint_kind
from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass, pass_to_mmluss

__all__ = [
    "CheckpointKind",
    "PublishedPretrainedInit",
    "check_state_dict",
    "checkpoint_weights",
    "detect_checkpoint_kind",
    "imagenetseg_to_mmluss",
    "load_from_local_or_published",
    "mmluss_to_pass",
    "pass_to_mmluss",
]
