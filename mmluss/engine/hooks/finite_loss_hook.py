# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Stops training that has diverged, before a checkpoint of it is written."""

import math

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS
from torch import Tensor, nn


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops at a loss, or a weight at the end of an epoch, that is NaN or infinite.

    The losses of an interval are added up on their device, so a GPU waits once an interval. Checkpoints of an epoch are
    saved after this hook has looked at it: none of them holds such a weight.

    Args:
        interval: Iterations between two looks at the loss.
    """

    # The losses of all iterations count, and CheckpointHook (VERY_LOW) comes later.
    priority = "NORMAL"

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._sum: Tensor | float = 0.0
        self._count = 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Add up the loss, and look at it after each interval.

        Raises:
            FloatingPointError: If the loss is NaN or infinite.
        """
        self._sum = self._sum + (outputs or {})["loss"].detach()
        self._count += 1
        if self._count >= self.interval:
            self._check_loss(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Look at the loss and at all weights, before the checkpoint of the epoch is saved.

        Raises:
            FloatingPointError: If one of them is NaN or infinite; the message names the first such weight.
        """
        self._check_loss(runner)
        name = first_not_finite(get_ori_model(runner.model))
        if name is not None:
            raise FloatingPointError(_message(f"the weight {name} became NaN or infinite", runner))

    def _check_loss(self, runner: Runner) -> None:
        total, self._sum, self._count = float(self._sum), 0.0, 0
        if not math.isfinite(total):
            raise FloatingPointError(_message(f"the loss became {total}", runner))


@torch.no_grad()
def first_not_finite(model: nn.Module) -> str | None:
    """Name of the first parameter that holds NaN or infinity, or None."""
    # Buffers may hold NaN for what is not known yet, such as the threshold before clustering.
    found = {name: parameter.isfinite().all() for name, parameter in model.named_parameters()}
    if not found or torch.stack([value.cpu() for value in found.values()]).all():
        return None
    return next(name for name, value in found.items() if not value)


def _message(what: str, runner: Runner) -> str:
    return (
        f"Training diverged: {what} by iteration {runner.iter + 1} of epoch {runner.epoch + 1}. Lower "
        "optim_wrapper.optimizer.lr, or look for broken images and labels with tools/misc/check_dataset.py; the "
        f"checkpoints in {runner.work_dir} are from before."
    )
