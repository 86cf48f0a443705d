# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One label PNG for each training image (PASS, step 2.4)."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmengine import dist
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmseg.structures import SegDataSample
from rich.progress import track
from torch import Tensor

from mmluss.clustering.image_batches import batches_of_equal_shape, load_batches, my_spread_share, normalized_parts
from mmluss.clustering.saliency import sample_saliency
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.models.grabcut import GrabCut
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels
from mmluss.utils.atomic_files import remove_leftovers

PENDING_PER_WRITER = 16
"""Label maps that may wait for each writing thread, so that slow disks do not fill the memory."""

READ_AHEAD = 1024
"""Finished label maps read at once."""


def label_path(dataset: BaseDataset, index: int, folder: str | Path) -> Path:
    """File of an image's label map, ``FOLDER/CATEGORY/NAME.png``."""
    return Path(folder, f"{dataset.get_data_info(index)['relative_path']}.png")


def my_indices(dataset: BaseDataset) -> range:
    """Images that this process looks after where their order does not matter."""
    return range(dist.get_rank(), len(dataset), dist.get_world_size())


def all_labels_written(dataset: BaseDataset, folder: str | Path) -> bool:
    """Whether every image has its label file; shared among processes."""
    mine = all(label_path(dataset, index, folder).is_file() for index in my_indices(dataset))
    return all(dist.all_gather_object(mine))


def remove_labels(dataset: BaseDataset, folder: str | Path) -> None:
    """Delete the label maps of these images, and nothing else; shared among processes."""
    for index in my_indices(dataset):
        label_path(dataset, index, folder).unlink(missing_ok=True)
    dist.barrier()


def remove_half_written(folder: str | Path) -> None:
    """Delete what killed processes left of label maps; before any process writes one."""
    if dist.is_main_process():
        for place, _, _ in os.walk(folder):
            remove_leftovers(place)
    dist.barrier()


@torch.no_grad()
def predict_pixel_scores(
    model: BaseModel,
    dataset: BaseDataset,
    batches: list[list[int]],
    settings: PseudoLabelSettings,
    description: str = "pixel labels",
) -> Iterator[tuple[int, Tensor, SegDataSample, Tensor, Tensor]]:
    """Cluster and foreground score of each position of images, on the CPU.

    Args:
        model: A ``PixelAttentionSegmentor`` with centroids, in eval mode.
        dataset: Gives whole images of a common short side.
        batches: Indices of the images that are loaded together.
        settings: ``num_workers``, and whether the saliency map of each data sample replaces the attention score
            (``use_saliency``).
        description: Text of the progress bar.

    Yields:
        Index, pixels ``(3, H, W)`` uint8 as the network sees them and data sample of an image; cluster ``(h, w)`` int64
        in 1..K; score float32 in 0..1, ``(h, w)``, or ``(H, W)`` of the image with saliency.
    """
    loader = load_batches(dataset, batches, settings.num_workers)
    progress = track(loader, description, total=len(batches), disable=not dist.is_main_process())
    for indices, data in zip(batches, progress, strict=True):
        for inputs, positions in normalized_parts(model, data):
            clusters, scores = (tensor.cpu() for tensor in model.pixel_scores(inputs))
            for position, cluster, score in zip(positions, clusters, scores, strict=True):
                sample = data["data_samples"][position]
                score = sample_saliency(sample) if settings.use_saliency else score
                yield indices[position], data["inputs"][position], sample, cluster, score


@dataclass
class LabelFrequencies:
    """How often each label 0..K occurs.

    Attributes:
        pixels: ``(K + 1,)`` int64, pixels of each label.
        images: ``(K + 1,)`` int64, images that have it.
        reused: Number of label maps that were there already.
    """

    pixels: np.ndarray
    images: np.ndarray
    reused: int = 0

    @classmethod
    def empty(cls, num_labels: int) -> "LabelFrequencies":
        """Counts of no image."""
        return cls(np.zeros(num_labels, np.int64), np.zeros(num_labels, np.int64))

    def add(self, pixels: np.ndarray) -> None:
        """Add one image with these pixels a label, ``(K + 1,)``."""
        self.pixels += pixels
        self.images += pixels > 0

    def summed_over_processes(self) -> "LabelFrequencies":
        """Counts of all processes together."""
        parts = dist.all_gather_object((self.pixels, self.images, self.reused))
        pixels, images, reused = zip(*parts, strict=True)
        return LabelFrequencies(sum(pixels), sum(images), sum(reused))


def write_pixel_labels(
    model: BaseModel,
    dataset: BaseDataset,
    sizes: np.ndarray,
    folder: str | Path,
    threshold: float,
    settings: PseudoLabelSettings,
) -> LabelFrequencies:
    """Write one label PNG for each image, shared among processes; label maps that are there already are kept.

    Images of one shape go through the network together, in the same batches whatever is finished, so an interrupted run
    gives the labels of an uninterrupted one. A label map that cannot be read is written again.

    Args:
        model: A ``PixelAttentionSegmentor`` with centroids, in eval mode.
        dataset: Gives whole images of a common short side, with ``relative_path`` in its data list.
        sizes: ``(M, 2)`` width and height of each image file.
        folder: Root of the label maps; the caller removes those made with other settings (``remove_labels``).
        threshold: Pixels with a smaller score become 0.
        settings: ``batch_size``, ``num_workers``, ``writers`` (threads that resize, encode and write), and whether the
            saliency map decides what is foreground (``use_saliency``).

    Returns:
        Counts over all images and processes.
    """
    mine = my_spread_share(batches_of_equal_shape(sizes, settings.batch_size))
    counts = LabelFrequencies.empty(len(model.decode_head.centroids) + 1)
    write = _LabelWriter(threshold, len(counts.pixels), getattr(model, "refine", None))
    with ThreadPoolExecutor(settings.writers) as pool:
        missing = _count_finished(dataset, [index for batch in mine for index in batch], folder, counts, pool)
        todo = [batch for batch in mine if not missing.isdisjoint(batch)]
        pending: deque[Future] = deque()
        for index, photo, sample, cluster, score in predict_pixel_scores(model, dataset, todo, settings):
            if index not in missing:
                continue
            path, size = label_path(dataset, index, folder), sample.metainfo["ori_shape"][:2]
            pending.append(pool.submit(write, path, photo, cluster, score, size))
            if len(pending) > settings.writers * PENDING_PER_WRITER:
                counts.add(pending.popleft().result())
        for future in pending:
            counts.add(future.result())
    return counts.summed_over_processes()


@dataclass(frozen=True)
class _LabelWriter:
    """What all label maps of a run share: the threshold, how many labels there are, and what refines outlines."""

    threshold: float
    num_labels: int
    refine: GrabCut | None

    def __call__(self, path: Path, photo: Tensor, cluster: Tensor, score: Tensor, size: tuple[int, int]) -> np.ndarray:
        """Write one label map of this size; pixels of each label."""
        threshold = self.threshold if self.refine is None else None
        label, _ = resize_pixel_labels(cluster, score, size, threshold)
        ids = label.numpy().astype(np.uint16)
        if self.refine is not None:
            ids[~self.refine(photo.permute(1, 2, 0).numpy(), score.numpy(), self.threshold, size)] = 0
        write_label_map(path, ids)
        return np.bincount(ids.ravel(), minlength=self.num_labels)


def _count_finished(
    dataset: BaseDataset, indices: list[int], folder: str | Path, counts: LabelFrequencies, pool: ThreadPoolExecutor
) -> set[int]:
    """Add the label maps that are there to the counts; indices of the others."""
    missing = set()
    pixels_of_finished = partial(_pixels_of_finished, num_labels=len(counts.pixels))
    for start in range(0, len(indices), READ_AHEAD):
        part = indices[start : start + READ_AHEAD]
        found = pool.map(pixels_of_finished, [label_path(dataset, index, folder) for index in part])
        for index, pixels in zip(part, found, strict=True):
            if pixels is None:
                missing.add(index)
            else:
                counts.add(pixels)
                counts.reused += 1
    return missing


def _pixels_of_finished(path: Path, num_labels: int) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        pixels = np.bincount(read_label_map(path).ravel(), minlength=num_labels)
    except ValueError:
        return None
    return pixels if len(pixels) == num_labels else None
