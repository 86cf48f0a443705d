# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Linear warm-up from zero, then half a cosine (semi-supervised protocol)."""

import math
from typing import Any

from mmengine.optim.scheduler import _ParamScheduler
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmseg.registry import PARAM_SCHEDULERS


def warmup_cosine(step: float, base: float, minimum: float, warmup: float, end: float) -> float:
    """Learning rate at a step: ``base * step / warmup``, then a cosine from ``base`` down to ``minimum``.

    Args:
        step: In any unit of time, >= 0; beyond ``end`` the minimum holds.
        base: Learning rate at the end of the warm-up.
        minimum: Learning rate at the end.
        warmup: Length of the warm-up in the same unit, 0 for none.
        end: End of the cosine.
    """
    if step < warmup:
        return base * step / warmup
    progress = min((step - warmup) / (end - warmup), 1.0)
    return minimum + (base - minimum) / 2 * (1 + math.cos(math.pi * progress))


# mmengine's LinearLR cannot start at 0, and its CosineAnnealingLR goes on from where the step before left off.
@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(LRSchedulerMixin, _ParamScheduler):
    """Sets each group's learning rate by ``warmup_cosine``; in epochs, or in iterations between epochs.

    Args:
        optimizer: Optimizer or its wrapper.
        warmup: Length of the warm-up in epochs (in iterations with ``by_epoch=False``).
        min_lr: Last learning rate, of a group with ``lr_scale`` 1; multiplied by the scale of others.
        **kwargs: ``begin`` (0), ``end`` (that of training), ``by_epoch``, ``last_step``, ``verbose`` of mmengine's
            schedulers.
    """

    def __init__(self, optimizer: Any, warmup: float = 0, min_lr: float = 0.0, **kwargs: Any) -> None:
        self.warmup = warmup
        self.min_lr = min_lr
        super().__init__(optimizer, **kwargs)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        warmup: float = 0,
        begin: int = 0,
        end: int,
        epoch_length: int,
        by_epoch: bool = True,
        **kwargs: Any,
    ) -> "WarmupCosineLR":
        """A scheduler of iterations from settings in epochs.

        Args:
            *args: Optimizer.
            warmup: In epochs.
            begin: In epochs.
            end: In epochs.
            epoch_length: Iterations of an epoch.
            by_epoch: True, as the settings are in epochs.
            **kwargs: As for the class.
        """
        kwargs.update(warmup=warmup * epoch_length, begin=begin * epoch_length, end=end * epoch_length, by_epoch=False)
        return cls(*args, **kwargs)

    def _get_value(self) -> list[float]:
        duration = self.end - self.begin
        return [
            warmup_cosine(self.last_step, base, self.min_lr * group.get("lr_scale", 1.0), self.warmup, duration)
            for base, group in zip(self.base_values, self.optimizer.param_groups, strict=True)
        ]
