# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Refuses the checkpoint of another model, where mmengine would test random weights after a warning."""

import copy

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn

from mmluss.checkpoints.kinds import check_covers, checkpoint_weights
from mmluss.engine.tested_model import tested_model


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Checks before a test, or before training resumes, that a checkpoint has all weights of the model.

    ``load_from`` may give a new model a part of its weights, so it is left alone. What a checkpoint has beyond the
    model does no harm. Weights that the model itself adapts while it loads them count by what comes of it.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the file's weights with the model's.

        Raises:
            ValueError: If weights are missing or of another shape; the message lists them and says what the file is.
        """
        # The runner builds only the loop that it is about to run.
        if isinstance(runner._train_loop, BaseLoop) and not runner._resume:
            return
        model = tested_model(runner.model)
        weights = checkpoint_weights(checkpoint)
        try:
            check_covers(weights, model, str(runner._load_from or runner.work_dir))
        except ValueError:
            if not _adapts(model, weights):
                raise


def _adapts(model: nn.Module, weights: dict[str, Tensor]) -> bool:
    try:
        return not copy.deepcopy(model).load_state_dict(dict(weights), strict=False).missing_keys
    except RuntimeError:
        return False
