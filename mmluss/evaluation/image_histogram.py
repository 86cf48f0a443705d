# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What one image adds: joint histogram of two label maps, their boundaries, sizes of objects and the F-measure.

What a predicted and a true label map have in common: which ids occur, and how often each pair of them does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import or_
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike

from mmluss.datasets.label_codec import IGNORE_INDEX

Map = TypeVar("Map", np.ndarray, torch.Tensor)

F_BETA_SQUARED = 0.3
SIZES = ("S", "MS", "ML", "L")
LARGEST_SHARES = (5, 25, 50)
"""Of an image in percent, for the groups of sizes but the last."""

_MOST_IDS = 1 << 20


@dataclass(frozen=True)
class ImageHistogram:
    """Joint histogram of one image.

    Attributes:
        predicted: ``(P,)`` int64, the predicted ids that occur, ascending.
        true: ``(G,)`` int64, the true ids that occur, ascending; 1000 = ignored may be among them.
        pixels: ``(P, G, 2, 2)`` int64 number of pixels by predicted id, true id, whether the pixel lies on a true
            boundary, and whether it lies on a predicted boundary (never, where boundaries are not asked for).
    """

    predicted: np.ndarray
    true: np.ndarray
    pixels: np.ndarray


def check_label_maps(predicted: np.ndarray | torch.Tensor, true: np.ndarray | torch.Tensor, name: str) -> None:
    """Check that two maps are label maps of one image.

    Args:
        predicted: ``(H, W)`` integers.
        true: ``(H, W)`` integers.
        name: What to call the image in a message.

    Raises:
        ValueError: If they differ in size, are empty or do not hold integers; the message begins with ``name``.
    """
    if predicted.ndim != 2 or tuple(predicted.shape) != tuple(true.shape) or 0 in predicted.shape:
        raise ValueError(
            f"{name}: prediction of shape {tuple(predicted.shape)}, ground truth of shape {tuple(true.shape)}; "
            "expected two label maps (H, W) of one size"
        )
    for what, labels in (("prediction", predicted), ("ground truth", true)):
        if "int" not in str(labels.dtype):
            raise ValueError(f"{name}: {what} of dtype {labels.dtype}; expected integer ids")


def check_ids(predicted: np.ndarray, true: np.ndarray, num_clusters: int, num_categories: int, name: str) -> None:
    """Check the ids that occur in two label maps.

    Args:
        predicted: ``(P,)`` predicted ids, ascending; expected in ``0..num_clusters``.
        true: ``(G,)`` true ids, ascending; expected in ``0..num_categories``, or 1000 = ignored.
        num_clusters: Largest predicted id K.
        num_categories: Number of categories N.
        name: What to call the image in a message.

    Raises:
        ValueError: If an id is out of range; the message begins with ``name``.
    """
    for what, ids, largest, also in (
        ("prediction", predicted, num_clusters, " (num_clusters)"),
        ("ground truth", true[true != IGNORE_INDEX], num_categories, f" or {IGNORE_INDEX} = ignored"),
    ):
        if len(ids) and (ids[0] < 0 or ids[-1] > largest):
            raise ValueError(
                f"{name}: {what} holds id {ids[0] if ids[0] < 0 else ids[-1]}; expected 0..{largest}{also}"
            )


def image_histogram(
    predicted: np.ndarray | torch.Tensor, true: np.ndarray | torch.Tensor, boundaries: bool, name: str = "image"
) -> ImageHistogram:
    """Joint histogram of a predicted and a true label map.

    Args:
        predicted: ``(H, W)`` integers; a tensor is counted on its device.
        true: ``(H, W)`` integers, of the same kind as ``predicted``.
        boundaries: Whether to tell pixels on boundaries (3 % of the image diagonal wide) from others.
        name: What to call the image in a message.

    Raises:
        ValueError: If the two are not label maps of one size; the message begins with ``name``.
    """
    check_label_maps(predicted, true, name)
    width = boundary_width(*predicted.shape)
    if isinstance(predicted, torch.Tensor) and isinstance(true, torch.Tensor):
        return _count_pixels(predicted, true, boundaries, width)
    predicted, true = np.asarray(predicted), np.asarray(true)
    # Label maps are long runs of equal pixels: counting runs is many times faster than counting pixels.
    change = np.empty(predicted.size, bool)
    change[0] = True
    flat_predicted, flat_true = predicted.ravel(), true.ravel()
    np.not_equal(flat_predicted[1:], flat_predicted[:-1], out=change[1:])
    change[1:] |= flat_true[1:] != flat_true[:-1]
    if boundaries:
        flags = boundary_bits((predicted, true), width).ravel()
        change[1:] |= flags[1:] != flags[:-1]
    starts = np.flatnonzero(change)
    lengths = np.diff(starts, append=predicted.size)
    ids_predicted, runs_predicted = number_ids(flat_predicted[starts])
    ids_true, runs_true = number_ids(flat_true[starts])
    code = (runs_predicted * len(ids_true) + runs_true) * 4
    if boundaries:
        code += flags[starts]
    shape = (len(ids_predicted), len(ids_true), 2, 2)
    pixels = np.bincount(code, weights=lengths, minlength=np.prod(shape))
    return ImageHistogram(ids_predicted, ids_true, pixels.astype(np.int64).reshape(shape))


def _count_pixels(predicted: torch.Tensor, true: torch.Tensor, boundaries: bool, width: int) -> ImageHistogram:
    ids_predicted, code = number_ids(predicted)
    ids_true, numbered_true = number_ids(true)
    code = (code * len(ids_true) + numbered_true) * 4
    if boundaries:
        code += boundary_bits((predicted, true), width)
    shape = (len(ids_predicted), len(ids_true), 2, 2)
    pixels = torch.bincount(code.flatten(), minlength=int(np.prod(shape)))
    return ImageHistogram(ids_predicted.cpu().numpy(), ids_true.cpu().numpy(), pixels.cpu().numpy().reshape(shape))


def number_ids(labels: Map) -> tuple[Map, Map]:
    """Number the ids that occur without gaps; does not sort unless ids are very large.

    Args:
        labels: Integers of any shape; an array or a tensor on any device.

    Returns:
        The ids that occur, ``(n,)`` int64 ascending, and indices into them, int64 in the shape of ``labels``.
    """
    low, high = int(labels.min()), int(labels.max())
    if isinstance(labels, torch.Tensor):
        if high - low >= _MOST_IDS:
            return torch.unique(labels.long(), return_inverse=True)
        shifted = labels.long() - low
        present = torch.zeros(high - low + 1, dtype=torch.bool, device=labels.device)
        present[shifted] = True
        return present.nonzero()[:, 0] + low, (present.cumsum(0) - 1)[shifted]
    if high - low >= _MOST_IDS:
        ids, indices = np.unique(labels.astype(np.int64), return_inverse=True)
        return ids, indices.reshape(labels.shape)
    places = labels.astype(np.int64) - low
    occurs = np.zeros(high - low + 1, bool)
    occurs[places] = True
    return np.flatnonzero(occurs) + low, (np.cumsum(occurs) - 1)[places]


def boundary_width(height: int, width: int) -> int:
    """Width in pixels of the boundaries of an image: 3 % of its diagonal, at least 1."""
    return max(1, round(0.03 * math.hypot(height, width)))


def window_reduce(values: Map, size: int, combine: Callable[[Map, Map], Map]) -> Map:
    """Combine the values of every square window that lies inside a map.

    Takes about 2 log2(size) operations on the whole map, by doubling windows.

    Args:
        values: ``(H, W)``, H and W at least ``size``; an array or a tensor.
        size: Side of the windows.
        combine: Of two maps the combination pixel by pixel; associative, and of a value with itself that value, such as
            a maximum.

    Returns:
        ``(H - size + 1, W - size + 1)``, entry ``(y, x)`` for the window that begins there.
    """
    for axis in (0, 1):
        covered = 1
        while covered < size:
            step = min(covered, size - covered)
            parts = (values[step:], values[:-step]) if axis == 0 else (values[:, step:], values[:, :-step])
            values = combine(*parts)
            covered += step
    return values


def boundary_bits(maps: tuple[Map, ...], width: int) -> Map:
    """Boundary pixels of several label maps of one image: those that ``width`` erosions by a 3x3 square remove.

    The boundaries of Boundary IoU (Cheng et al., arXiv 2103.16562).

    A pixel is inside its region if the ``(2 width + 1)``-square around it lies in the image and holds one label, that
    is, if every 2x2 block of that square holds one label.

    Args:
        maps: At most 8 label maps ``(H, W)`` of any integer dtype; arrays, or tensors on one device.
        width: Number of erosions, at least 1.

    Returns:
        ``(H, W)`` uint8, of the same kind; bit i is set where a pixel lies on a boundary of map i.
    """
    height, length = maps[0].shape
    everywhere = (1 << len(maps)) - 1
    bits: Any
    if isinstance(maps[0], torch.Tensor):
        bits = torch.full((height, length), everywhere, dtype=torch.uint8, device=maps[0].device)
    else:
        bits = np.full((height, length), everywhere, np.uint8)
    if min(height, length) <= 2 * width:
        return bits
    mixed: Any = 0
    for index, labels in enumerate(maps):
        beside = labels[:, 1:] != labels[:, :-1]
        flags = beside[1:] | beside[:-1] | (labels[1:, 1:] != labels[:-1, 1:])
        mixed |= (flags.to(torch.uint8) if isinstance(flags, torch.Tensor) else flags.view(np.uint8)) * (1 << index)
    bits[width : height - width, width : length - width] = window_reduce(mixed, 2 * width, or_)
    return bits


def boundary_mask(labels: Map, width: int) -> Map:
    """Boundary pixels of one label map, ``(H, W)`` bool; as ``boundary_bits``."""
    return boundary_bits((labels,), width) == 1


def frame_mask(shape: tuple[int, int], width: int) -> np.ndarray:
    """Pixels less than ``width`` + 1 steps from the outside of an image.

    Args:
        shape: Height and width of the image.
        width: Width of the frame in pixels.

    Returns:
        ``(H, W)`` bool.
    """
    mask = np.ones(shape, bool)
    mask[width : shape[0] - width, width : shape[1] - width] = False
    return mask


def size_split(pixels: np.ndarray, total: int) -> np.ndarray:
    """Size group of each category of an image by its share of the image in percent, rounded up.

    Args:
        pixels: ``(n,)`` number of pixels of each category.
        total: Number of pixels of the image that are not ignored.

    Returns:
        ``(n,)`` int64, an index into ``SIZES``: a share of at most 5, 25, 50 percent, or above.
    """
    # The benchmark divides in single precision, which decides shares that are a hair above a limit.
    shares = np.ceil(np.float32(100) * np.asarray(pixels, np.float32) / np.float32(total))
    return np.searchsorted(LARGEST_SHARES, shares, side="left")


def size_bits(pixels: np.ndarray, ids: np.ndarray, total: int) -> np.ndarray:
    """The size groups to which the pixels of each true id of an image contribute.

    Pixels of a category count for the group of that category, pixels of 0 for every group that occurs in the image.

    Args:
        pixels: ``(n,)`` number of pixels of each true id.
        ids: ``(n,)`` distinct true ids, 0 among them or not.
        total: Number of pixels of the image that are not ignored.

    Returns:
        ``(n,)`` int64, bit s set if the pixels count for group ``SIZES[s]``.
    """
    bits = np.where((ids > 0) & (pixels > 0), 1 << size_split(pixels, max(total, 1)), 0)
    return np.where(ids == 0, np.bitwise_or.reduce(bits, initial=0), bits)


def f_measure(shared: ArrayLike, predicted: ArrayLike, true: ArrayLike) -> np.ndarray:
    """F-measure of foreground (Achanta et al., 2009), beta^2 = 0.3, from pixels; 0 where one side has no foreground.

    Args:
        shared: Pixels that are foreground in both; any shape.
        predicted: Pixels that are foreground in the prediction, same shape.
        true: Pixels that are foreground in the ground truth, same shape.

    Returns:
        Float64 in 0..1, same shape.
    """
    weighted = F_BETA_SQUARED * np.asarray(true) + np.asarray(predicted)
    return (1 + F_BETA_SQUARED) * np.asarray(shared) / np.maximum(weighted, 1)
