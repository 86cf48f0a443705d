# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Refuses label maps and scores that have more, or fewer, ids than the model, before any work is done."""

from typing import Literal

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS
from torch import nn

from mmluss.engine.tested_model import tested_model
from mmluss.evaluation import LUSSMetric


@HOOKS.register_module()
class IdCheckHook(Hook):
    """Compares the ids that a model names with those of its training labels and of the metrics that score it.

    Without it a loss of torch fails at the first batch that holds such an id, or a metric at the first image, which may
    be after days of training.
    """

    def before_train(self, runner: Runner) -> None:
        """Compare with the training labels and with the metrics of validation.

        Raises:
            ValueError: Saying which settings disagree, and what to set.
        """
        largest = largest_id(get_ori_model(runner.model))
        if largest is None:
            return
        dataset = runner.train_dataloader.dataset
        labeled = getattr(dataset, "max_id", None)
        if labeled is not None and labeled > largest:
            raise ValueError(
                f"The labels of train_dataloader may hold the ids 0..{labeled}, but the model has classes for "
                f"0..{largest} only: set model.decode_head.num_classes={labeled + 1}, or num_clusters={largest} in "
                "train_dataloader.dataset if they hold no more."
            )
        if runner.val_loop is not None:
            self._check_metrics("val", runner.val_loop.evaluator, largest)

    def before_val(self, runner: Runner) -> None:
        """Compare with the metrics of validation.

        Raises:
            ValueError: As ``before_train``.
        """
        self._check_metrics("val", runner.val_evaluator, largest_id(get_ori_model(runner.model)))

    def before_test(self, runner: Runner) -> None:
        """Compare with the metrics of the test.

        Raises:
            ValueError: As ``before_train``.
        """
        self._check_metrics("test", runner.test_evaluator, largest_id(tested_model(runner.model)))

    @staticmethod
    def _check_metrics(stage: Literal["val", "test"], evaluator: Evaluator, largest: int | None) -> None:
        if largest is None:
            return
        for metric in evaluator.metrics:
            scored = metric.largest_id if isinstance(metric, LUSSMetric) and metric.dataset_meta else None
            if scored is not None and largest > scored:
                raise ValueError(
                    f"The model names the ids 0..{largest}, but {stage}_evaluator scores 0..{scored} only: set "
                    f"{stage}_evaluator.num_clusters={largest}, with matching 'image', 'pixel' or 'majority'."
                )


def largest_id(model: nn.Module) -> int | None:
    """Largest id that a model names: its clusters, or its classes less one; None where it names none (yet)."""
    head = getattr(model, "decode_head", None)
    num_clusters = getattr(head, "num_clusters", None)
    if num_clusters is not None:
        return num_clusters or None
    num_classes = getattr(head, "num_classes", None)
    return None if num_classes is None else num_classes - 1
