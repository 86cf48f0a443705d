# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Keeps ids and names together: in pictures of predictions, and in a checkpoint once its clusters are matched."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmseg.registry import HOOKS

from mmluss.checkpoints.files import read_checkpoint, write_checkpoint
from mmluss.evaluation import LUSSMetric
from mmluss.evaluation.matching import matched_metainfo


@HOOKS.register_module()
class ClusterNamesHook(Hook):
    """Names clusters, which are no categories: 'cluster 7' until a test with masks has matched them.

    Pictures of predictions (``--show-dir``, ``SegVisualizationHook``) take names and colors from the checkpoint instead
    of the data set of the test, whose categories have ids of their own. After a test with a ``LUSSMetric`` the
    checkpoint's meta information, and nothing else in it, is replaced: ``dataset_meta`` then has the names of the
    matched categories, which ``init_model``, ``MMSegInferencer`` and ``Segmenter`` show. Checkpoints whose ids are
    categories (semi-supervised ones, those of other projects) are left alone.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Show the names that the checkpoint has."""
        self._show(runner, (checkpoint.get("meta") or {}).get("dataset_meta"))

    def before_val(self, runner: Runner) -> None:
        """Show clusters as such where training reads pixel labels."""
        # To ask the runner for the loader of training would build it, also where nothing is trained.
        if isinstance(runner._train_loop, BaseLoop):
            self._show(runner, getattr(runner._train_loop.dataloader.dataset, "metainfo", None))

    def after_test(self, runner: Runner) -> None:
        """Write the names of a matching into the checkpoint that was tested."""
        found = [metric for metric in runner.test_evaluator.metrics if isinstance(metric, LUSSMetric)]
        checkpoint = Path(str(runner._load_from))
        if dist.is_main_process() and found and found[0].match is not None and checkpoint.is_file():
            try:
                if name_clusters(checkpoint, found[0].match, found[0].dataset_meta):
                    runner.logger.info(f"{checkpoint} has the names of its clusters now, by the matching of this test")
            except (OSError, ValueError) as error:
                runner.logger.warning(f"the names of the clusters could not be written to {checkpoint}: {error}")
        dist.barrier()

    @staticmethod
    def _show(runner: Runner, dataset_meta: Mapping[str, Any] | None) -> None:
        if dataset_meta and "num_clusters" in dataset_meta:
            runner.visualizer.prediction_meta = dict(dataset_meta)


def name_clusters(checkpoint: Path, match: Any, dataset_meta: Mapping[str, Any]) -> bool:
    """Give the clusters of a checkpoint the names of their categories, in its file.

    Args:
        checkpoint: The file, or a link to it; it is replaced in one piece.
        match: ``(K + 1,)`` category of each cluster, -1 for none.
        dataset_meta: Meta information of the data set that has the categories.

    Returns:
        Whether the file was changed: it is not if its ids are no clusters, or the names are these already.
    """
    content = read_checkpoint(checkpoint)
    meta = content.get("meta") or {}
    before = meta.get("dataset_meta") or {}
    if "num_clusters" not in before:
        return False
    named = dict(before) | matched_metainfo(match, before["num_clusters"], dataset_meta)
    if named == before:
        return False
    write_checkpoint(content | dict(meta=meta | dict(dataset_meta=named)), checkpoint.resolve())
    return True
