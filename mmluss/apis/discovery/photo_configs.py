# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Step configs for a folder of photos: what follows from their number, and where they are read from."""

from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from mmluss.apis.tools.data_folders import score_nothing

LEAST_PHOTOS = 20
_ITERATIONS_OF_A_CHECKPOINT = 20
# For mmseg's inferencers, which look for this loader; the data set reads photos by LoadPhoto in its place.
_LOAD_PHOTO = dict(type="LoadImageFromFile", color_type="color", imdecode_backend="pillow")


@dataclass(frozen=True)
class TrainingSize:
    """Sizes of training that follow from the number of photos.

    Attributes:
        batch_size: Photos a batch, of all processes together.
        num_prototypes: Prototypes of steps 1 and 2.1; fewer than there are photos.
        queue: Rows of the queue, or None for none; a multiple of the batch, and less than an epoch.
        pretrain_epochs: Epochs of step 1.
        attention_epochs: Epochs of step 2.1.
        finetune_epochs: Epochs of step 3.
        processes: How many share a batch evenly.
    """

    batch_size: int
    num_prototypes: int
    queue: int | None
    pretrain_epochs: int
    attention_epochs: int
    finetune_epochs: int
    processes: int = 1


def training_size(photos: int, quick: bool = False, processes: int = 1) -> TrainingSize:
    """Sizes that suit a number of photos.

    The number of iterations, not of epochs, is about the same for up to some thousand photos: about 150 in step 1, 100
    in steps 2.1 and 3; 'quick' takes a quarter. Beyond, every photo is seen once or twice.

    Args:
        photos: How many there are.
        quick: A first look in minutes.
        processes: How many train together; more than a batch has photos are not used.

    Raises:
        ValueError: If there are too few.
    """
    if photos < LEAST_PHOTOS:
        raise ValueError(
            f"{photos} photos are too few to discover what they have in common: give {LEAST_PHOTOS} or more"
        )
    batch_size = 8
    while batch_size < 64 and photos >= 8 * batch_size:
        batch_size *= 2
    processes = min(processes, batch_size)
    batch_size -= batch_size % processes
    steps = photos // batch_size

    def epochs(iterations: int, least: int = 1) -> int:
        iterations = iterations // 4 if quick else iterations
        return max(least, min(40, round(iterations / steps)))

    queue = min(512 - 512 % batch_size, (steps - 1) * batch_size)
    return TrainingSize(
        batch_size=batch_size,
        num_prototypes=min(500, max(8, photos // 8)),
        queue=queue if queue >= 2 * batch_size else None,
        pretrain_epochs=epochs(150),
        attention_epochs=epochs(100),
        finetune_epochs=epochs(100),
        processes=processes,
    )


def read_photos(cfg: Config, photos: dict[str, Any]) -> None:
    """Have all data sets of a step config read photos: a ``PhotoFolderDataset``.

    Args:
        cfg: Changed in place; there are no masks, so validation is taken out, and tests write predictions only.
        photos: Arguments of ``PhotoFolderDataset``.
    """
    for loader in ("train_dataloader", "test_dataloader"):
        if cfg.get(loader) is not None:
            pipeline = [
                _LOAD_PHOTO if step["type"] == "LoadImageFromFile" else step for step in cfg[loader].dataset.pipeline
            ]
            cfg[loader].dataset = dict(type="PhotoFolderDataset", pipeline=pipeline, **photos)
            cfg[loader].num_workers = 2
    score_nothing(cfg)
    if cfg.get("test_dataloader") is not None:
        cfg.test_pipeline = cfg.test_dataloader.dataset.pipeline
        cfg.tta_pipeline = [_LOAD_PHOTO, *cfg.tta_pipeline[1:]]


def set_sizes(cfg: Config, size: TrainingSize, epochs: int, num_images: int) -> None:
    """Set batch, prototypes, queue and epochs of a step config.

    Args:
        cfg: Changed in place.
        size: What follows from the number of photos.
        epochs: Epochs of this step.
        num_images: Number of photos.
    """
    # The configs count photos of one process.
    cfg.train_dataloader.batch_size = size.batch_size // size.processes
    if "num_prototypes" in cfg.model:
        cfg.model.num_prototypes = size.num_prototypes
        cfg.model.queue = None if size.queue is None else dict(length=size.queue)
        cfg.default_hooks.prototypes.freeze_iters = min(
            cfg.default_hooks.prototypes.get("freeze_iters", 0), num_images // size.batch_size
        )
        # Fewer photos than this gather on fewer prototypes without anything being wrong.
        cfg.default_hooks.pop("collapse_warning", None)
    cfg.train_cfg.max_epochs = epochs
    cfg.train_cfg.pop("val_interval", None)
    for scheduler in cfg.param_scheduler:
        if "end" in scheduler:
            scheduler.end = epochs
    cfg.default_hooks.logger.interval = 2
    # An epoch of few photos takes hardly longer than a checkpoint; the last epoch has one in any case.
    cfg.default_hooks.checkpoint.interval = max(1, _ITERATIONS_OF_A_CHECKPOINT * size.batch_size // num_images)
    cfg.default_hooks.pop("score_files", None)
