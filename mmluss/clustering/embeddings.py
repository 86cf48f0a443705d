# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Embeddings of all training images in one memory-mapped file (PASS, step 2.2)."""

import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from mmengine import dist
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmseg.structures import SegDataSample
from rich.progress import track
from torch import Tensor

from mmluss.clustering.image_batches import center_crop, consecutive_batches, load_batches, my_share, normalized_parts
from mmluss.clustering.saliency import sample_saliency
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.datasets.label_folder import EMBEDDINGS
from mmluss.utils.atomic_files import reserve_array
from mmluss.utils.stage_record import StageRecord

FLUSH_SECONDS = 10.0


class EmbeddingFile:
    """Rows of M embeddings on disk, with a note of which are there.

    ``embeddings.npy`` holds the rows, ``embeddings_done.npy`` one byte a row, ``embeddings.json`` what they were made
    from; files that were made from something else are replaced. On disk: M x C x 2 bytes in half precision, 4.6 GiB for
    1.2 million x 2048 (twice that in single); in memory only the rows of a batch, the system keeps or drops the rest.
    All processes open it together, each writes its own rows.

    Args:
        folder: Existing folder, one file system for all processes.
        key: Hash of everything the embeddings depend on.
        shape: ``(M, C)``.
        dtype: "float16" or "float32".

    Raises:
        ValueError: Another dtype.
        OSError: The disk has no room for the rows.
    """

    def __init__(
        self, folder: str | Path, key: str, shape: tuple[int, int], dtype: Literal["float16", "float32"] = "float16"
    ) -> None:
        if dtype not in ("float16", "float32"):
            raise ValueError(f"embeddings can be stored as float16 or float32, not {dtype!r}")
        self.path = Path(folder) / EMBEDDINGS
        done_path = self.path.with_name("embeddings_done.npy")
        record = StageRecord(self.path.with_suffix(".json"))
        inputs = dict(key=key, shape=shape, dtype=dtype)
        there = [self.path.is_file() and done_path.is_file() if dist.is_main_process() else None]
        dist.broadcast_object_list(there, src=0)
        if not there[0] or record.result("rows", inputs) is None:
            record.begin("rows", inputs)
            if dist.is_main_process():
                reserve_array(self.path, shape, np.dtype(dtype))
                reserve_array(done_path, shape[:1], np.dtype(np.uint8))
            record.finish("rows", inputs, {})
        self.rows = np.load(self.path, mmap_mode="r+", allow_pickle=False)
        self._done = np.load(done_path, mmap_mode="r+", allow_pickle=False)
        self._written: list[int] = []
        self._flushed = time.monotonic()

    def missing(self, indices: list[int]) -> bool:
        """Whether any of these rows is not there yet."""
        return not self._done[indices].all()

    def write(self, indices: list[int], embeddings: np.ndarray) -> None:
        """Write rows as they are; they are noted as there once they are on disk, every few seconds.

        Args:
            indices: The n rows.
            embeddings: ``(n, C)``, any floating dtype; stored in that of the file.
        """
        self.rows[indices] = embeddings
        self._written += indices
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Bring all written rows to disk, then note them as there."""
        self.rows.flush()
        self._done[self._written] = 1
        self._done.flush()
        self._written.clear()
        self._flushed = time.monotonic()


@torch.no_grad()
def extract_embeddings(
    model: BaseModel,
    dataset: BaseDataset,
    folder: str | Path,
    key: str,
    settings: PseudoLabelSettings,
) -> np.ndarray:
    """Embeddings of all images of a data set, shared among processes; rows that are on disk already are kept.

    Batches are the same whatever is missing, so an interrupted run gives the numbers of an uninterrupted one.

    Args:
        model: A ``PixelAttentionSegmentor`` in eval mode.
        dataset: Gives whole images of a common short side (``ResizeEdge``, ``PackSegInputs``).
        folder: Where the memory-mapped files go; made if it is not there.
        key: Hash of weights, data list and settings.
        settings: ``batch_size``, ``num_workers``, ``crop_size``, ``dtype`` on disk, and whether the saliency map of
            each data sample replaces the attention (``use_saliency``).

    Returns:
        Memory map ``(M, C)`` of ``settings.dtype``, rows L2-normalized, read-only.

    Raises:
        ValueError: An image is smaller than the crop; an embedding holds NaN or infinity; a saliency map is missing.
            The message names the image.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    store = EmbeddingFile(folder, key, (len(dataset), model.decode_head.centroids.shape[1]), settings.dtype)
    mine = my_share(consecutive_batches(len(dataset), settings.batch_size))
    todo = [batch for batch in mine if store.missing(batch)]
    if len(todo) < len(mine):
        MMLogger.get_current_instance().info(f"embeddings: {len(mine) - len(todo)} of {len(mine)} batches are there")
    loader = load_batches(dataset, todo, settings.num_workers)
    progress = track(loader, "embeddings", total=len(todo), disable=not dist.is_main_process())
    empty: list[str] = []
    for indices, data in zip(todo, progress, strict=True):
        for inputs, positions in normalized_parts(model, data, settings.crop_size):
            samples = [data["data_samples"][position] for position in positions]
            saliency = None
            if settings.use_saliency:
                saliency = _cropped_saliency(data, positions, settings.crop_size).to(inputs.device)
            embeddings = model.image_embeddings(inputs, saliency).float().cpu().numpy()
            _check_finite(embeddings, samples)
            empty += [
                str(sample.metainfo.get("img_path"))
                for sample, row in zip(samples, embeddings, strict=True)
                if not row.any()
            ]
            store.write([indices[position] for position in positions], embeddings)
    store.flush()
    dist.barrier()
    MMLogger.get_current_instance().info(f"embeddings: {store.rows.shape} {store.rows.dtype} in {store.path}")
    _warn_of_empty([path for part in dist.all_gather_object(empty) for path in part])
    return np.load(store.path, mmap_mode="r", allow_pickle=False)


def _cropped_saliency(data: dict[str, Any], positions: list[int], crop_size: int | None) -> Tensor:
    """Saliency maps ``(B, 1, H, W)`` that lie over the crops of these images."""
    maps = []
    for position in positions:
        size = data["inputs"][position].shape[-2:]
        saliency = sample_saliency(data["data_samples"][position])[None, None]
        saliency = F.interpolate(saliency, size=size, mode="bilinear", antialias=True)[0]
        maps.append(saliency if crop_size is None else center_crop(saliency, crop_size))
    return torch.stack(maps)


def _warn_of_empty(paths: list[str]) -> None:
    if paths:
        MMLogger.get_current_instance().warning(
            f"{len(paths)} images, such as {paths[0]}, have saliency maps without any foreground and so embeddings of "
            "zeros. These can take a cluster for themselves, which no pixel is ever labeled with: leave such images "
            "out, or give one cluster more."
        )


def _check_finite(embeddings: np.ndarray, samples: list[SegDataSample]) -> None:
    finite = np.isfinite(embeddings).all(axis=1)
    if not finite.all():
        name = samples[int(np.argmin(finite))].metainfo.get("img_path")
        raise ValueError(
            f"the embedding of {name} holds NaN or infinity: training diverged, or the image is broken; look at the "
            "losses of the checkpoint, and at the image"
        )
