# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The steps of a receptive-field search (RF-Next, arXiv 2206.06637)."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS

from mmluss.models import RFConvNeXt


# mmcv's RFSearchHook steps after an epoch, bounds the dilations, and keeps them in attributes, so that a resumed search
# goes on with the first ones.
@HOOKS.register_module()
class ResumableRFSearchHook(Hook):
    """Has an ``RFConvNeXt`` estimate and expand its dilations a few times while it trains.

    A step is taken before the last iteration of every so many epochs. The dilations are part of the model's state, so a
    search can be interrupted anywhere.

    Args:
        interval: Epochs between two steps.
        max_steps: Steps in all; afterwards the branch weights go on learning.
    """

    def __init__(self, interval: int = 10, max_steps: int = 3) -> None:
        self.interval = interval
        self.max_steps = max_steps

    def before_train(self, runner: Runner) -> None:
        """Look at the model.

        Raises:
            ValueError: If its backbone has nothing to search.
        """
        backbone = get_ori_model(runner.model).backbone
        if not isinstance(backbone, RFConvNeXt) or backbone.mode != "search":
            raise ValueError("ResumableRFSearchHook searches the dilations of model.backbone=RFConvNeXt(mode='search')")

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Take a step if it is time for one."""
        step, left = divmod(runner.iter + 1, self.interval * len(runner.train_dataloader))
        if left or step > self.max_steps:
            return
        backbone = get_ori_model(runner.model).backbone
        backbone.search_step()
        found = ", ".join(f"{c.dilation[0]}x{c.dilation[1]}" for c in backbone.convolutions().values())
        runner.logger.info(f"step {step} of {self.max_steps}: dilations {found}")
