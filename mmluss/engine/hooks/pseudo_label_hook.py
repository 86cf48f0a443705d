# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Clusters and labels the training images after step 2.1 (PASS, steps 2.2 to 2.4)."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from mmengine import dist
from mmengine.dataset import BaseDataset
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from mmengine.runner.checkpoint import weights_to_cpu
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS

from mmluss.checkpoints.files import write_checkpoint
from mmluss.clustering.input_checks import check_inputs
from mmluss.clustering.labeled_images import labeled_dataset, training_images
from mmluss.clustering.pseudo_label_run import PseudoLabelRun
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.datasets.categories import cluster_metainfo
from mmluss.datasets.label_folder import LABEL_CHECKPOINT
from mmluss.utils.renamed_arguments import renamed_arguments


@HOOKS.register_module()
class PseudoLabelHook(Hook):
    """Writes one label map for each training image once training is over.

    The work folder gets ``pixel_labels/CATEGORY/NAME.png`` with ``pixel_labels/manifest.json``, ``centroids.npy``, the
    checkpoint ``pixel_labels.pth`` (the trained model with centroids and threshold: ``tools/test.py`` scores it) and
    ``clustering/`` (embeddings and the record of finished stages). Interrupted anywhere, the same command with
    ``--resume`` goes on where it stopped. See ``docs/clustering.md``.

    Args:
        num_clusters: Number K of clusters; by default the number of the data set's categories.
        threshold: Foreground threshold: a number in 0..1, "val" or "otsu"; see ``PseudoLabelSettings``.
        dataloader: ``dataset``, ``batch_size`` and ``num_workers`` for the images to cluster and label, under the test
            pipeline (whole images). By default the data set of ``train_dataloader`` with the pipeline of
            ``test_dataloader`` and without labels. ``batch_size`` counts per process.
        val_dataloader: The same for the images with masks that "val" looks at; by default ``test_dataloader``.
        saliency_root: Folder of saliency maps of the images to label, which then replace the attention; the pipeline
            need not load them. The same as ``saliency_root`` of the data set.
        out_dir: Where everything goes; by default the work folder.
        embedding_dir: Where the embeddings go, to be shared by runs with other settings; by default ``clustering`` in
            ``out_dir``.
        **settings: Further arguments of ``PseudoLabelSettings``: ``crop_size``, ``clustering``, ``iterations``,
            ``restarts``, ``seed``, ``dtype``, ``otsu_images``, ``writers``, ...

    Raises:
        ValueError: A data set of the configuration cannot be used for this; the message says why.
    """

    @renamed_arguments({"num_categories": "num_clusters"}, "PseudoLabelHook")
    def __init__(
        self,
        num_clusters: int | None = None,
        threshold: float | Literal["val", "otsu"] = "val",
        dataloader: dict | None = None,
        val_dataloader: dict | None = None,
        saliency_root: str | None = None,
        out_dir: str | None = None,
        embedding_dir: str | None = None,
        **settings: Any,
    ) -> None:
        self.num_clusters = num_clusters
        self.dataloader = dataloader
        self.val_dataloader = val_dataloader
        self.saliency_root = saliency_root
        self.out_dir = out_dir
        self.embedding_dir = embedding_dir
        self.settings = dict(threshold=threshold, **settings)
        PseudoLabelSettings(num_clusters or 1, **self.settings)

    def before_train(self, runner: Runner) -> None:
        """Look through the data sets now, not after hours of training.

        Raises:
            ValueError: See the class.
        """
        check_inputs(*self._inputs(runner.cfg))

    def after_train(self, runner: Runner) -> None:
        """Cluster and label with the model just trained."""
        self.write_labels(runner)

    def write_labels(self, runner: Runner) -> dict[str, Any]:
        """Cluster and label with the runner's model, which then holds centroids and threshold, and is saved.

        Returns:
            The manifest.
        """
        with averaged_weights(runner):
            run = self.label_run(runner)
            manifest = run.run()
            _save(runner, run.folder / LABEL_CHECKPOINT, run.settings.num_clusters)
        return manifest

    def label_run(self, runner: Runner) -> PseudoLabelRun:
        """The run of steps 2.2 to 2.4 with the runner's model, not yet begun.

        Raises:
            ValueError: See the class.
        """
        dataset, settings, validation = self._inputs(runner.cfg)
        folder = Path(self.out_dir or runner.work_dir)
        return PseudoLabelRun(get_ori_model(runner.model), dataset, folder, settings, validation, self.embedding_dir)

    def _inputs(self, cfg: dict) -> tuple[BaseDataset, PseudoLabelSettings, BaseDataset | None]:
        loader = copy.deepcopy(self.dataloader or training_images(cfg))
        dataset_cfg = loader["dataset"]
        if self.saliency_root is not None:
            dataset_cfg["saliency_root"] = self.saliency_root
        dataset = labeled_dataset(dataset_cfg)
        num_clusters = self.num_clusters or len(dataset.metainfo["classes"]) - 1
        if num_clusters < 1:
            raise ValueError("the data set has no categories, so PseudoLabelHook needs num_clusters")
        settings = PseudoLabelSettings(
            num_clusters,
            use_saliency=dataset_cfg.get("saliency_root") is not None,
            batch_size=loader.get("batch_size", 32),
            num_workers=loader.get("num_workers", 4),
            **self.settings,
        )
        return dataset, settings, self._validation(cfg, settings)

    def _validation(self, cfg: dict, settings: PseudoLabelSettings) -> BaseDataset | None:
        loader = self.val_dataloader or cfg.get("test_dataloader")
        if settings.threshold != "val" or loader is None:
            return None
        dataset_cfg = loader["dataset"]
        if settings.use_saliency and dataset_cfg.get("saliency_root") is None:
            raise ValueError(
                "threshold 'val' with saliency maps needs those of the validation images, too: give saliency_root in "
                "val_dataloader.dataset, or 'otsu' or a number as threshold"
            )
        return labeled_dataset(dataset_cfg)


@contextmanager
def averaged_weights(runner: Runner) -> Iterator[None]:
    """The model holds the weights that an ``EMAHook`` averaged, if there is one that has begun."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, EMAHook) and hook._ema_started(runner)]
    for hook in hooks:
        hook._swap_ema_parameters()
    try:
        yield
    finally:
        for hook in hooks:
            # Buffers that are averaged, too, are swapped as well, and must have the sizes that labeling gave them.
            if hook.ema_model.update_buffers:
                head = get_ori_model(runner.model).decode_head
                hook.ema_model.module.decode_head.set_centroids(head.centroids, float(head.threshold))
            hook._swap_ema_parameters()


def _save(runner: Runner, path: Path, num_clusters: int) -> None:
    """Save the model as it is, whole or not at all; the runner's way would put an average without centroids first."""
    if dist.is_main_process():
        meta = dict(
            epoch=runner.epoch,
            iter=runner.iter,
            cfg=runner.cfg.pretty_text,
            seed=runner.seed,
            experiment_name=runner.experiment_name,
            dataset_meta=cluster_metainfo(num_clusters),
        )
        state = weights_to_cpu(get_ori_model(runner.model).state_dict())
        write_checkpoint(dict(meta=meta, state_dict=state, message_hub=runner.message_hub.state_dict()), path)
    runner.logger.info(f"model with centroids and threshold: {path}")
    dist.barrier()
