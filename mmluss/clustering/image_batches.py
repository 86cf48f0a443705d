# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The same batches of images in every run, whatever is finished already and however many processes share them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import torch
from mmengine import dist
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from torch import Tensor
from torch.utils.data import DataLoader

from mmluss.utils.image_files import image_size

READ_AHEAD = 1024
"""Image headers read at once."""
SLOW_FILE = 2e-4
"""Seconds to read the header of an image, beyond which several are read at once."""


def consecutive_batches(count: int, batch_size: int) -> list[list[int]]:
    """Indices 0..count-1 in order, in batches."""
    return [list(range(start, min(start + batch_size, count))) for start in range(0, count, batch_size)]


def batches_of_equal_shape(sizes: np.ndarray, batch_size: int) -> list[list[int]]:
    """Batches of images that have one shape once their short side is brought to a common length.

    Images whose sides are in the same proportion, rounded as for a short side of 256 pixels, go together.

    Args:
        sizes: ``(M, 2)`` width and height of each image, pixels.
        batch_size: Images a batch, at most.

    Returns:
        Batches of indices; every index occurs once. Shapes from tall to wide, indices of a shape in order.
    """
    widths, heights = sizes[:, 0].astype(np.int64), sizes[:, 1].astype(np.int64)
    long_sides = 256 * np.maximum(widths, heights) // np.minimum(widths, heights)
    shapes = np.where(widths >= heights, long_sides, -long_sides)
    order = np.argsort(shapes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(shapes[order])) + 1)
    return [
        group[start : start + batch_size].tolist() for group in groups for start in range(0, len(group), batch_size)
    ]


def image_sizes(dataset: BaseDataset, threads: int = 8) -> np.ndarray:
    """Width and height of the images of a data set from their headers alone; shared among processes.

    Args:
        dataset: Its samples have an ``img_path``.
        threads: Threads that read headers, where files are slow to open, as on a network.

    Returns:
        ``(M, 2)`` int32, pixels as stored (an EXIF orientation is not applied).

    Raises:
        ValueError: A file is not an image; the message names it.
    """
    mine = np.array_split(np.arange(len(dataset)), dist.get_world_size())[dist.get_rank()]
    sizes = np.zeros((len(mine), 2), np.int32)
    slow = False
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(mine), READ_AHEAD):
            paths = [dataset.get_data_info(int(index))["img_path"] for index in mine[start : start + READ_AHEAD]]
            begun = time.perf_counter()
            read = pool.map(image_size, paths) if slow else map(image_size, paths)
            sizes[start : start + len(paths)] = list(read)
            # Threads wait for files together, and in between for one another: four times as long for files at hand.
            slow = slow or time.perf_counter() - begun > SLOW_FILE * len(paths)
    return np.concatenate(dist.all_gather_object(sizes))


def my_share(batches: list[list[int]]) -> list[list[int]]:
    """The part of the batches that falls to this process: neighbors, so that shares in a row keep the order."""
    bounds = np.linspace(0, len(batches), dist.get_world_size() + 1).round().astype(int)
    return batches[bounds[dist.get_rank()] : bounds[dist.get_rank() + 1]]


def my_spread_share(batches: list[list[int]]) -> list[list[int]]:
    """The part of the batches that falls to this process: spread evenly, for batches of unequal cost."""
    return batches[dist.get_rank() :: dist.get_world_size()]


def load_batches(dataset: BaseDataset, batches: list[list[int]], num_workers: int) -> DataLoader:
    """Data loader over given batches: ``inputs`` a list of ``(3, H, W)`` uint8 tensors, ``data_samples`` a list.

    Args:
        dataset: Gives what mmseg's ``PackSegInputs`` gives.
        batches: Indices of each batch.
        num_workers: Loading processes.
    """
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=num_workers,
        collate_fn=pseudo_collate,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_one_thread_per_worker,
    )


def _one_thread_per_worker(_: int) -> None:
    cv2.setNumThreads(0)


def normalized_parts(
    model: BaseModel, data: dict[str, Any], crop_size: int | None = None
) -> Iterator[tuple[Tensor, list[int]]]:
    """Split a batch by image shape and normalize each part.

    Args:
        model: Its ``data_preprocessor`` normalizes.
        data: Batch of ``load_batches``.
        crop_size: Side of the center crop in pixels, None for whole images.

    Yields:
        ``(B, 3, H, W)`` float32 on the model's device, with the positions of these images in the batch.

    Raises:
        ValueError: An image is smaller than the crop; the message names it.
    """
    groups: dict[torch.Size, tuple[list[Tensor], list[int]]] = {}
    for position, image in enumerate(data["inputs"]):
        if crop_size is not None:
            try:
                image = center_crop(image, crop_size)
            except ValueError as error:
                raise ValueError(f"{data['data_samples'][position].metainfo.get('img_path')}: {error}") from error
        images, positions = groups.setdefault(image.shape, ([], []))
        images.append(image)
        positions.append(position)
    for images, positions in groups.values():
        yield model.data_preprocessor(dict(inputs=images), False)["inputs"], positions


def center_crop(image: Tensor, size: int) -> Tensor:
    """Middle ``(C, size, size)`` of an image ``(C, H, W)``, starting at the rounded half of what is cut off.

    Raises:
        ValueError: The image is smaller than the crop.
    """
    height, width = image.shape[-2:]
    if min(height, width) < size:
        raise ValueError(f"a center crop of {size} pixels does not fit into the resized image of {width}x{height}")
    top, left = round((height - size) / 2), round((width - size) / 2)
    return image[..., top : top + size, left : left + size]
