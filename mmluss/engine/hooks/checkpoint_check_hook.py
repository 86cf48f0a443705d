# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Refuses the checkpoint of another model, where mmengine would go on with random weights after a warning."""

import copy
from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn

from mmluss.checkpoints.direct_loading import LEAST_FILLED
from mmluss.checkpoints.kinds import check_covers, checkpoint_weights
from mmluss.engine.tested_model import tested_model
from mmluss.utils.listings import shorten


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Checks before a test, or before training resumes, that a checkpoint has all weights of the model.

    ``load_from`` may give a new training a part of its weights, but no less than half of those of the backbone, or some
    of a model without one. What a checkpoint has beyond the model does no harm. Weights that the model itself adapts
    while it loads them count by what comes of it.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the file's weights with the model's.

        Raises:
            ValueError: If weights are missing or of another shape; the message lists them and says what the file is.
        """
        model, source = tested_model(runner.model), str(runner._load_from or runner.work_dir)
        weights = checkpoint_weights(checkpoint)
        # The runner builds only the loop that it is about to run.
        if isinstance(runner._train_loop, BaseLoop) and not runner._resume:
            check_start(weights, model, source)
            return
        try:
            check_covers(weights, model, source)
        except ValueError:
            if not _adapts(model, weights):
                raise


def check_start(weights: Mapping[str, Tensor], model: nn.Module, source: str) -> None:
    """Refuse a start of training that leaves a backbone at random.

    Args:
        weights: Weights by name, as ``load_from`` found them.
        model: What is to be trained.
        source: What the message calls the file.

    Raises:
        ValueError: If less than half of the backbone's weights are among them, or none of a model's without a backbone.
    """
    whole = [name for name, value in model.state_dict().items() if value.ndim > 0]
    own = [name for name in whole if name.startswith("backbone.")] or whole
    filled = sum(name in weights for name in own)
    if own and filled < max(1, LEAST_FILLED * len(own)):
        raise ValueError(
            f"load_from={source} fills {filled} of {len(own)} weights such as {own[0]}; its names are like "
            f"{shorten([*weights], 2)}. Training would go on with random weights. If it is of another project, give it "
            "to the backbone: model.backbone.init_cfg=dict(type='Pretrained', checkpoint=...)."
        )


def _adapts(model: nn.Module, weights: dict[str, Tensor]) -> bool:
    try:
        return not copy.deepcopy(model).load_state_dict(dict(weights), strict=False).missing_keys
    except RuntimeError:
        return False
