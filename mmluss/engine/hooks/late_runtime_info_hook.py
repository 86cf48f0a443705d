# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Losses reach the log without a wait in each iteration."""

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor


# mmengine's hook reads each value in each iteration: the host never gets ahead of a GPU.
@HOOKS.register_module()
class LateRuntimeInfoHook(RuntimeInfoHook):
    """The ``RuntimeInfoHook`` of mmengine, but losses are read from the device together, when they are to be logged."""

    def __init__(self) -> None:
        self._waiting: list[dict[str, Any]] = []
        self._interval = 1

    def before_train(self, runner: Runner) -> None:
        """Find out how often is logged."""
        super().before_train(runner)
        self._waiting = []
        intervals = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        self._interval = min(intervals, default=1)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Keep the values of an iteration; at the last before the log they all go to the message hub."""
        self._waiting.append(
            {key: value.detach() if isinstance(value, Tensor) else value for key, value in (outputs or {}).items()}
        )
        last = self.is_last_train_iter(runner) or self.end_of_epoch(runner.train_dataloader, batch_idx)
        if last or self.every_n_inner_iters(batch_idx, self._interval):
            self._hand_over(runner)

    def _hand_over(self, runner: Runner) -> None:
        waiting, self._waiting = self._waiting, []
        tensors = [value for values in waiting for value in values.values() if isinstance(value, Tensor)]
        read = iter(torch.stack([tensor.reshape(()).float() for tensor in tensors]).tolist() if tensors else [])
        for values in waiting:
            for key, value in values.items():
                runner.message_hub.update_scalar(f"train/{key}", next(read) if isinstance(value, Tensor) else value)
