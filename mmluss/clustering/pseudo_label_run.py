# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From a trained pixel-attention model to one label map for each training image (PASS, steps 2.2 to 2.4)."""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from mmengine import dist
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.model import BaseModel

from mmluss.checkpoints.files import read_centroids
from mmluss.clustering.cluster_agreement import agreement_where_known
from mmluss.clustering.embeddings import extract_embeddings
from mmluss.clustering.image_batches import image_sizes
from mmluss.clustering.input_checks import check_clusters, check_inputs, check_labels
from mmluss.clustering.kmeans import KMeansResult, kmeans
from mmluss.clustering.label_writing import all_labels_written, remove_half_written, remove_labels, write_pixel_labels
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.clustering.spectral import spectral_clusters
from mmluss.clustering.thresholds import find_threshold
from mmluss.datasets.label_folder import CENTROIDS, CLUSTERING, MANIFEST, PIXEL_LABELS
from mmluss.utils.atomic_files import replace_file, write_json
from mmluss.utils.fingerprints import dataset_fingerprint, pipeline_text, settings_fingerprint, weights_fingerprint
from mmluss.utils.stage_record import StageRecord, read_arrays, write_arrays

CENTROID_STATE = ("decode_head.centroids", "decode_head.threshold")


class PseudoLabelRun:
    """One run of steps 2.2 to 2.4 into a folder; a run that was interrupted goes on where it stopped.

    The folder gets ``centroids.npy`` (``(K, C)`` float32), ``pixel_labels/CATEGORY/NAME.png``,
    ``pixel_labels/manifest.json`` and, in ``clustering/``, the embeddings and the record of finished stages, which is
    not needed afterwards.

    All processes of a distributed run take part; the weights of the first one count for all.

    Args:
        model: A ``PixelAttentionSegmentor``; afterwards it holds centroids and threshold.
        dataset: Training images under the test pipeline (whole images of a common short side).
        folder: Where everything goes, on a file system that all processes share.
        settings: How.
        validation: Validation images under the test pipeline, with masks; for threshold "val" only.
        embedding_folder: Where the embeddings go, to be shared by runs with other settings; by default ``clustering``.

    Raises:
        ValueError: As for ``check_inputs``.
        FileExistsError: ``pixel_labels`` holds files that are not of an earlier run.
    """

    def __init__(
        self,
        model: BaseModel,
        dataset: BaseDataset,
        folder: str | Path,
        settings: PseudoLabelSettings,
        validation: BaseDataset | None = None,
        embedding_folder: str | Path | None = None,
    ) -> None:
        check_inputs(dataset, settings, validation)
        self.model = model
        self.dataset = dataset
        self.settings = settings
        self.validation = validation
        self.folder = Path(folder)
        self.label_folder = self.folder / PIXEL_LABELS
        self.manifest = self.label_folder / MANIFEST
        self.work_folder = self.folder / CLUSTERING
        self.work_folder.mkdir(parents=True, exist_ok=True)
        self.embedding_folder = Path(embedding_folder or self.work_folder)
        self.record = StageRecord(self.work_folder / "stages.json")
        if self.label_folder.is_dir() and any(self.label_folder.iterdir()) and not self._labels_are_ours():
            raise FileExistsError(
                f"{self.label_folder} holds files, but neither a {MANIFEST} nor {self.record.path} says that they "
                "are pseudo labels: empty that folder or give another work folder"
            )
        # Statistics of batch normalization may have drifted apart between processes.
        state = model.state_dict()
        for value in state.values():
            contiguous = value.contiguous()
            dist.broadcast(contiguous, src=0)
            value.copy_(contiguous)
        # The normalization of images is in buffers that no checkpoint has.
        self.weights = weights_fingerprint(state | dict(model.named_buffers()), leave_out=CENTROID_STATE)
        self.data = dataset_fingerprint(dataset)
        self._embedding_key = settings_fingerprint(
            dict(
                weights=self.weights,
                data=self.data,
                pipeline=pipeline_text(dataset),
                upsampling=model.decode_head.upsampling,
                **getattr(model, "embedding_settings", {}),
                **settings.chosen("crop_size", "dtype", "use_saliency"),
            )
        )

    @cached_property
    def sizes(self) -> np.ndarray:
        """``(M, 2)`` int32, width and height of the training images' files; kept in ``clustering/sizes.npz``."""
        path = self.work_folder / "sizes.npz"
        stored = [read_arrays(path, self.data) if dist.is_main_process() else None]
        dist.broadcast_object_list(stored)
        if stored[0] is not None:
            return stored[0]["sizes"]
        sizes = image_sizes(self.dataset)
        if dist.is_main_process():
            write_arrays(path, self.data, sizes=sizes)
        return sizes

    def _labels_are_ours(self) -> bool:
        return self.record.begun("labels") or self.manifest.is_file()

    def run(self) -> dict[str, Any]:
        """Do what is not done yet.

        Returns:
            The manifest, as written to ``pixel_labels/manifest.json``.
        """
        was_training = self.model.training
        self.model.eval()
        try:
            return self._run()
        finally:
            self.model.train(was_training)

    def embeddings(self) -> np.ndarray:
        """Embeddings of all images (step 2.2), a memory map ``(M, C)``, made where they are not there yet."""
        was_training = self.model.training
        self.model.eval()
        try:
            return extract_embeddings(
                self.model, self.dataset, self.embedding_folder, self._embedding_key, self.settings
            )
        finally:
            self.model.train(was_training)

    def _run(self) -> dict[str, Any]:
        logger = MMLogger.get_current_instance()
        settings = self.settings
        clustering_key = settings_fingerprint(
            dict(
                rows=self._embedding_key,
                centered=settings.clustering == "spectral",
                **settings.chosen("num_clusters", "iterations", "restarts", "seed", "clustering", "neighbors"),
                **settings.chosen("kmeans_start", "spherical"),
            )
        )
        clustering = self._stage("clustering", clustering_key, self._cluster)
        centroids = read_centroids(self.folder / CENTROIDS)
        self.model.decode_head.set_centroids(centroids, 0.0)
        label_settings = getattr(self.model, "label_settings", {})
        threshold_key = settings_fingerprint(
            dict(
                clustering=clustering_key,
                model=label_settings,
                validation=settings.threshold == "val"
                and [dataset_fingerprint(self.validation), pipeline_text(self.validation)],
                **settings.chosen("threshold", "threshold_step", "otsu_images"),
            )
        )
        threshold = self._stage("threshold", threshold_key, self._threshold)
        self.model.decode_head.set_centroids(centroids, threshold["value"])
        logger.info(f"foreground threshold: {threshold['value']:.4f} ({settings.threshold})")
        labels_key = settings_fingerprint(
            dict(clustering=clustering_key, threshold=threshold["value"], model=label_settings)
        )
        labels = self._label(labels_key, threshold["value"])
        manifest = dict(
            settings=asdict(settings),
            model=label_settings,
            weights_sha256=self.weights,
            data_sha256=self.data,
            images=len(self.dataset),
            clustering=clustering,
            threshold=threshold,
            labels=labels,
        )
        if dist.is_main_process():
            write_json(self.manifest, manifest)
        dist.barrier()
        logger.info(f"{len(self.dataset)} label maps in {self.label_folder}")
        return manifest

    def _stage(self, name: str, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        inputs = dict(key=key)
        result = self.record.result(name, inputs)
        if result is None:
            self.record.begin(name, inputs)
            start = time.monotonic()
            result = work()
            result["seconds"] = round(time.monotonic() - start, 2)
            self.record.finish(name, inputs, result)
        return result

    def _cluster(self) -> dict[str, Any]:
        settings = self.settings
        rows = self.embeddings()
        found = self._spectral(rows) if settings.clustering == "spectral" else self._kmeans(rows)
        if dist.is_main_process():
            with replace_file(self.folder / CENTROIDS) as file:
                np.save(file, found.centroids, allow_pickle=False)
        sizes = np.bincount(found.assignments, minlength=settings.num_clusters)
        check_clusters(sizes)
        result = dict(mean_squared_distance=found.objective, images_of_cluster=sizes.tolist())
        result.update(self._agreement(found.assignments))
        return result

    def _kmeans(self, rows: np.ndarray) -> KMeansResult:
        settings = self.settings
        key = settings_fingerprint(
            dict(
                rows=self._embedding_key,
                **settings.chosen("num_clusters", "iterations", "seed", "kmeans_start", "spherical"),
            )
        )
        return kmeans(
            rows,
            start=settings.kmeans_start,
            restart_folder=self.work_folder / "restarts",
            key=key,
            **settings.chosen("num_clusters", "iterations", "restarts", "seed", "spherical"),
        )

    def _spectral(self, rows: np.ndarray) -> KMeansResult:
        settings = self.settings
        chosen = settings.chosen("num_clusters", "neighbors", "iterations", "restarts", "seed")
        key = settings_fingerprint(dict(rows=self._embedding_key, centered=True, **chosen))
        return spectral_clusters(rows, folder=self.work_folder / f"spectral_{key[:16]}", **chosen)

    def _agreement(self, assignments: np.ndarray) -> dict[str, float]:
        """Reported, used for nothing."""
        categories = np.array([self.dataset.get_data_info(index)["category"] for index in range(len(self.dataset))])
        result = agreement_where_known(assignments, categories)
        if result:
            MMLogger.get_current_instance().info(
                "image clusters against folders: NMI {nmi:.4f}, matched accuracy {accuracy:.4f}".format(**result)
            )
        return result

    def _threshold(self) -> dict[str, Any]:
        return find_threshold(self.model, self.dataset, self.sizes, self.settings, self.validation)

    def _label(self, key: str, threshold: float) -> dict[str, Any]:
        inputs = dict(key=key)
        done = self.record.result("labels", inputs)
        if done is not None and all_labels_written(self.dataset, self.label_folder):
            return done
        if not self.record.begun("labels", inputs):
            if self._labels_are_ours():
                remove_labels(self.dataset, self.label_folder)
                self.manifest.unlink(missing_ok=True)
            self.record.begin("labels", inputs)
        remove_half_written(self.label_folder)
        start = time.monotonic()
        counts = write_pixel_labels(self.model, self.dataset, self.sizes, self.label_folder, threshold, self.settings)
        check_labels(counts.pixels, threshold)
        result = dict(
            pixels_of_label=counts.pixels.tolist(),
            images_with_label=counts.images.tolist(),
            reused=counts.reused,
            seconds=round(time.monotonic() - start, 2),
        )
        self.record.finish("labels", inputs, result)
        return result
