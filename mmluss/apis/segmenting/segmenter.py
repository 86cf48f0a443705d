# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Names and outlines the things in new photos with the model of a finished run, in three lines of Python."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_state_dict
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmluss.apis.results.cluster_names import ClusterNames, read_cluster_names
from mmluss.apis.results.run_folder import RunFolder
from mmluss.checkpoints.files import read_checkpoint
from mmluss.checkpoints.stored_config import registered_parts_only, stored_config
from mmluss.datasets.categories import BACKGROUND
from mmluss.datasets.photos import read_photo
from mmluss.datasets.photos.reading import MAX_SIDE

_READ_AHEAD = 8


@dataclass(frozen=True)
class Segmentation:
    """What is in a photo.

    Attributes:
        photo: ``(H, W, 3)`` uint8 RGB, upright.
        label_map: ``(H, W)`` int64, 0 = background; ids of clusters after merges and drops.
        names: Names by id, that of the background first.
        scores: How sure the model is of each id in the photo, 0..1; see ``thing_scores``.
    """

    photo: np.ndarray
    label_map: np.ndarray
    names: tuple[str, ...]
    scores: dict[int, float]

    @property
    def categories(self) -> list[str]:
        """Names of the things in the photo, the largest first."""
        return [self.names[id_] for id_ in self.ids]

    @property
    def ids(self) -> list[int]:
        """Ids of the things in the photo, the largest first."""
        ids, counts = np.unique(self.label_map[self.label_map > 0], return_counts=True)
        return [int(id_) for id_ in ids[np.argsort(-counts, kind="stable")]]

    @property
    def outlines(self) -> dict[int, list[np.ndarray]]:
        """Closed outlines of each id, ``(n, 2)`` int32 pixels, x first; those of holes are left out."""
        return {id_: outline_polygons(self.label_map == id_) for id_ in self.ids}


def outline_polygons(mask: np.ndarray) -> list[np.ndarray]:
    """Outer outlines of a mask.

    Args:
        mask: ``(H, W)`` bool.

    Returns:
        Polygons ``(n, 2)`` int32, x first, n >= 3, the one of largest area first.
    """
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = sorted((polygon for polygon in found if len(polygon) >= 3), key=cv2.contourArea, reverse=True)
    return [polygon[:, 0] for polygon in polygons]


class Segmenter:
    """The model of a run, for any photo.

    Args:
        source: Folder that ``mmluss discover`` wrote, or a final checkpoint.
        device: Where to compute; a GPU if there is one by default.
        names: Table of names; by default ``clusters.csv`` of the folder, if any, or else what the checkpoint has.

    Raises:
        FileNotFoundError: If there is no such folder, run, checkpoint or table.
        ValueError: If the checkpoint does not hold its config as data, or no model that names pixels by itself, or one
            with parts that are not registered.

    Example: ::

        segmenter = Segmenter("OUT")
        result = segmenter("photo.jpg")
        result.categories, result.label_map, result.scores, result.outlines
    """

    def __init__(
        self, source: str | Path, device: str | torch.device | None = None, names: str | Path | None = None
    ) -> None:
        init_default_scope("mmseg")
        self.checkpoint, table = find_model(source)
        checkpoint = read_checkpoint(self.checkpoint)
        text = checkpoint.get("meta", {}).get("cfg")
        if not isinstance(text, str):
            raise ValueError(f"{self.checkpoint} does not hold its config; give a checkpoint that training wrote")
        cfg = stored_config(text, self.checkpoint)
        self.cfg = cfg
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        with registered_parts_only(self.checkpoint):
            self.model = MODELS.build(_model_config(cfg, self.checkpoint))
            if not hasattr(self.model, "decode_head"):
                raise ValueError(
                    f"{self.checkpoint} is of {cfg.model.type}, which names no pixels; give a fine-tuned one"
                )
            loader = cfg.get("test_dataloader") or cfg.train_dataloader
            # Photos are read by this class, and there is no label map to load.
            self.pipeline = Compose([step for step in loader.dataset.pipeline if not step["type"].startswith("Load")])
        load_state_dict(self.model, checkpoint["state_dict"], strict=True)
        self.model.to(self.device).eval()
        num_clusters = self._num_clusters()
        if names is not None and not Path(names).is_file():
            raise FileNotFoundError(f"{names}: no such table of names")
        table = Path(names) if names is not None else table
        self.names = (
            read_cluster_names(table, num_clusters)
            if table is not None and table.is_file()
            else _stored_names(checkpoint, num_clusters)
        )

    def __call__(self, photo: str | Path | np.ndarray) -> Segmentation:
        """Segment a photo.

        Args:
            photo: A file, or ``(H, W, 3)`` uint8 RGB.

        Raises:
            ValueError: If a file cannot be read; the message names it. If an array is no such photo.
        """
        image = photo if isinstance(photo, np.ndarray) else read_photo(photo, max_side=None)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"a photo is (H, W, 3) uint8 RGB with a pixel or more, not {image.shape} {image.dtype}")
        return self._segment(image)

    def stream(
        self, photos: Iterable[str | Path], threads: int = 2
    ) -> Iterator[tuple[str | Path, Segmentation | ValueError]]:
        """Segment many photos, read ahead by other threads.

        Args:
            photos: Their files.
            threads: Threads that read.

        Yields:
            Each file with its result, or with the error where it cannot be read.
        """
        with ThreadPoolExecutor(threads) as pool:
            left = iter(photos)
            waiting = [(path, pool.submit(_read, path)) for path in islice(left, _READ_AHEAD)]
            while waiting:
                path, future = waiting.pop(0)
                waiting.extend((new, pool.submit(_read, new)) for new in islice(left, 1))
                image = future.result()
                yield path, image if isinstance(image, ValueError) else self._segment(image)

    @torch.no_grad()
    def _segment(self, image: np.ndarray) -> Segmentation:
        height, width = image.shape[:2]
        scale = min(1.0, MAX_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shown = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        data: dict[str, Any] = dict(
            img=np.ascontiguousarray(shown[..., ::-1]),
            img_shape=shown.shape[:2],
            ori_shape=(height, width),
            img_path="",
            seg_fields=[],
            reduce_zero_label=False,
        )
        sample = self.model.test_step(pseudo_collate([self.pipeline(data)]))[0]
        labels = sample.pred_sem_seg.data[0].cpu().numpy()
        relabeled = self.names.relabel(labels)
        return Segmentation(image, relabeled, self.names.classes, thing_scores(sample, relabeled, self.names.targets))

    def _num_clusters(self) -> int:
        head = self.model.decode_head
        return int(head.num_clusters if hasattr(head, "num_clusters") else head.num_classes - 1)


def thing_scores(sample: SegDataSample, labels: np.ndarray, targets: np.ndarray) -> dict[int, float]:
    """How sure a model is of each thing in an image, averaged over the thing's pixels.

    Args:
        sample: A prediction with the logits of a head (``head_logits`` or ``seg_logits``, ``(K + 1, h, w)``): the score
            is then the probability of the id, with what is merged into it. Or with a ``foreground_score``
            ``(1, h, w)`` in 0..1, which then is the score.
        labels: ``(H, W)`` ids after merges and drops.
        targets: ``(K + 1,)``, the id that each of the model's ids counts as.

    Returns:
        Scores in 0..1 by id, those of the background left out.

    Raises:
        ValueError: If the prediction has neither.
    """
    logits = sample.get("head_logits", sample.get("seg_logits"))
    if logits is None and "foreground_score" not in sample:
        raise ValueError("the model gives neither logits nor a foreground score, so nothing can be scored")
    scores = {}
    probability = None if logits is None else logits.data.float().softmax(dim=0)
    for id_ in np.unique(labels[labels > 0]).tolist():
        if probability is None:
            values = sample.foreground_score.data[0]
        else:
            values = probability[torch.from_numpy(targets == id_).to(probability.device)].sum(dim=0)
        height, width = values.shape
        # How much of each of the head's positions the thing covers.
        weights = cv2.resize((labels == id_).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        scores[id_] = float(np.average(values.float().cpu().numpy(), weights=weights))
    return scores


def _model_config(cfg: Config, checkpoint: Path) -> dict[str, Any]:
    """The model's config, without what only training needs; its head gives what scores are made from."""
    if cfg.model.type == "KNNSegmentor":
        raise ValueError(
            f"{checkpoint} holds a backbone for distance matching, which names pixels by images with masks and has no "
            "model of its own: give a checkpoint of fine-tuning or pixel attention"
        )
    model = copy.deepcopy(cfg.model)
    model.backbone.init_cfg = None
    model.pop("pretrained", None)
    if model.type == "LUSSSegmentor":
        model.test_cfg = dict(model.get("test_cfg") or {}, head_logits=True)
    return model


def find_model(source: str | Path) -> tuple[Path, Path | None]:
    """Final checkpoint of a run and its table of names.

    A folder whose steps were deleted still has ``model.pth``.

    Args:
        source: Folder of results, or a checkpoint.

    Returns:
        The checkpoint, and the table (None where the checkpoint's own names count).

    Raises:
        FileNotFoundError: If there is none; the message says what was looked for.
    """
    source = Path(source)
    if source.is_file():
        return source, None
    if not source.is_dir():
        raise FileNotFoundError(f"{source} is no checkpoint, and no folder of a finished run")
    folder = RunFolder(source)
    finished = source / "model.pth"
    # While the steps are done for other results, this is still in one piece, and the table may already be theirs.
    if folder.changing.exists() and finished.is_file():
        return finished, None
    try:
        return folder.checkpoint, folder.names_file
    except FileNotFoundError:
        if not finished.is_file():
            raise
        return finished, folder.names_file


def _stored_names(checkpoint: dict[str, Any], num_clusters: int) -> ClusterNames:
    meta = checkpoint.get("meta", {}).get("dataset_meta") or {}
    classes: Sequence[str] = meta.get("names") or meta.get("classes") or ()
    if len(classes) != num_clusters + 1:
        return ClusterNames.default(num_clusters)
    # What training itself has written merges and drops nothing.
    targets = np.array(meta.get("targets", range(num_clusters + 1)))
    if targets.shape != (num_clusters + 1,) or not np.isin(targets, range(num_clusters + 1)).all():
        targets = np.arange(num_clusters + 1)
    return ClusterNames((BACKGROUND, *classes[1:]), targets)


def _read(path: str | Path) -> np.ndarray | ValueError:
    try:
        return read_photo(path, max_side=None)
    except ValueError as error:
        return error
