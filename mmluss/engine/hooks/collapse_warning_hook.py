# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Says so when pretraining learns nothing."""

import math

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS


@HOOKS.register_module()
class CollapseWarningHook(Hook):
    """Warns while the image loss sits at ln K, its value when all prototypes look alike.

    Args:
        interval: Iterations over which the loss is averaged before it is judged.
        tolerance: Distance from ln K, relative to ln K, below which the loss counts as sitting there.
        patience: Warns after so many intervals in a row.
    """

    priority = "LOW"

    def __init__(self, interval: int = 50, tolerance: float = 0.005, patience: int = 2) -> None:
        self.interval = interval
        self.tolerance = tolerance
        self.patience = patience
        self._sum = 0.0
        self._count = 0
        self._flat_intervals = 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Judge the mean loss of each interval."""
        self._sum = self._sum + (outputs or {})["i2i"]
        self._count += 1
        if self._count < self.interval:
            return
        mean = float(self._sum) / self._count
        self._sum, self._count = 0.0, 0
        model = get_ori_model(runner.model)
        uniform = math.log(model.prototypes.num_prototypes)
        self._flat_intervals = self._flat_intervals + 1 if abs(mean - uniform) < self.tolerance * uniform else 0
        if self._flat_intervals >= self.patience and is_main_process():
            runner.logger.warning(
                f"The image loss has been {mean:.4f}, about ln K = {uniform:.4f}, for "
                f"{self._flat_intervals * self.interval} iterations: the embeddings do not tell images apart (yet). "
                "From scratch this is normal for the first hundreds of iterations. If it lasts: lower the learning "
                "rate, use more prototypes than embedding dimensions, freeze the prototypes longer."
            )
