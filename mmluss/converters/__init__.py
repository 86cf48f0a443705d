# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Published checkpoints to ours and back."""

from .checkpoint_kinds import CheckpointKind, check_state_dict, checkpoint_weights, detect_checkpoint_kind
from .direct_loading import PublishedPretrainedInit, load_from_local_or_published
from .imagenetseg_checkpoints import imagenetseg_to_mmluss
from .pass_checkpoints import mmluss_to_pass, pass_to_mmluss

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
