# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a predicted and a true label map have in common: which ids occur, and how often each pair of them does."""

from dataclasses import dataclass

import numpy as np
import torch

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.evaluation.boundaries import boundary_bits, boundary_width

_MOST_IDS = 1 << 20


@dataclass(frozen=True)
class ImageHistogram:
    """Joint histogram of one image.

    Attributes:
        predicted: (P,) int64, the predicted ids that occur, ascending.
        true: (G,) int64, the true ids that occur, ascending; 1000 = ignored may be among them.
        pixels: (P, G, 2, 2) int64 number of pixels by predicted id, true id, whether the pixel lies on a true
            boundary, and whether it lies on a predicted boundary (never, where boundaries are not asked for).
    """

    predicted: np.ndarray
    true: np.ndarray
    pixels: np.ndarray


def check_label_maps(predicted: np.ndarray | torch.Tensor, true: np.ndarray | torch.Tensor, name: str) -> None:
    """Check that two maps are label maps of one image.

    Args:
        predicted: (H, W) integers.
        true: (H, W) integers.
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


def check_ids(predicted: np.ndarray, true: np.ndarray, num_predicted: int, num_categories: int, name: str) -> None:
    """Check the ids that occur in two label maps.

    Args:
        predicted: (P,) predicted ids, ascending; expected in ``0..num_predicted``.
        true: (G,) true ids, ascending; expected in ``0..num_categories``, or 1000 = ignored.
        num_predicted: Largest predicted id K.
        num_categories: Number of categories N.
        name: What to call the image in a message.

    Raises:
        ValueError: If an id is out of range; the message begins with ``name``.
    """
    for what, ids, largest, also in (
        ("prediction", predicted, num_predicted, ""),
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
        predicted: (H, W) integers; a tensor is counted on its device.
        true: (H, W) integers, of the same kind as ``predicted``.
        boundaries: Whether to tell pixels on boundaries (3 % of the image diagonal wide) from others.
        name: What to call the image in a message.

    Raises:
        ValueError: If the two are not label maps of one size; the message begins with ``name``.
    """
    check_label_maps(predicted, true, name)
    width = boundary_width(*predicted.shape)
    if isinstance(predicted, torch.Tensor):
        return _count_pixels(predicted, true, boundaries, width)
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


def number_ids(labels: np.ndarray | torch.Tensor) -> tuple[np.ndarray | torch.Tensor, np.ndarray | torch.Tensor]:
    """Number the ids that occur without gaps; does not sort unless ids are very large.

    Args:
        labels: Integers of any shape; an array or a tensor on any device.

    Returns:
        The ids that occur, (n,) int64 ascending, and indices into them, int64 in the shape of ``labels``.
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
    shifted = labels.astype(np.int64) - low
    present = np.zeros(high - low + 1, bool)
    present[shifted] = True
    return np.flatnonzero(present) + low, (np.cumsum(present) - 1)[shifted]
