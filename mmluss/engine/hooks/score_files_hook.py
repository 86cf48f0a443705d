# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Keeps the matching and all figures of an evaluation in the work folder."""

from pathlib import Path

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from mmluss.evaluation import LUSSMetric
from mmluss.evaluation.matching import MATCH_FILE
from mmluss.evaluation.scores import MATCHINGS, SCORES_FILE


@HOOKS.register_module()
class ScoreFilesHook(Hook):
    """Has each ``LUSSMetric`` without files of its own write ``scores.json`` and ``match.json`` to the work folder.

    A later evaluation replaces them. One with a given matching leaves ``match.json`` alone.
    """

    def before_val(self, runner: Runner) -> None:
        """Set the files before validation."""
        self._set_files(runner.val_evaluator, Path(runner.work_dir))

    def before_test(self, runner: Runner) -> None:
        """Set the files before a test."""
        self._set_files(runner.test_evaluator, Path(runner.work_dir))

    @staticmethod
    def _set_files(evaluator: Evaluator, folder: Path) -> None:
        for metric in evaluator.metrics:
            if isinstance(metric, LUSSMetric):
                metric.scores_file = metric.scores_file or str(folder / SCORES_FILE)
                if metric.matching in MATCHINGS:
                    metric.match_file = metric.match_file or str(folder / MATCH_FILE)
