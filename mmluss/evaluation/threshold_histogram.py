# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The joint histogram of one image at many foreground thresholds at once.

At a threshold t a pixel has its predicted category if its score is at least t, and is 0 otherwise. What a pixel
contributes therefore changes a few times only along ascending thresholds: once when its score is passed, and where
the last, or the first, score of its neighbourhood is passed if it lies near a boundary.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .boundaries import boundary_mask, boundary_width, frame_mask
from .image_histogram import check_label_maps, compact_ids

_CELLS = 4096


@dataclass(frozen=True)
class ThresholdHistogram:
    """Joint histogram of one image at T ascending thresholds.

    Attributes:
        predicted: (P,) int64, the predicted ids that occur before thresholding, ascending.
        true: (G,) int64, the true ids that occur, ascending; 1000 = ignored may be among them.
        pixels: (P, G, T + 1) int64 number of pixels by predicted id, true id and number of thresholds passed; pixels
            of predicted id 0 pass none.
        true_boundary: (G,) int64 number of pixels on true boundaries by true id; None if boundaries were not asked for.
        starts: (P, G, 2, T + 1) int64 number of pixels that become boundary pixels of their predicted id at a
            threshold (the last: at none), by predicted id, true id and whether they lie on a true boundary; or None.
        changes: Same, pixels that turn from boundary pixels of their predicted id into boundary pixels of id 0.
        ends: Same, pixels that stop being boundary pixels of id 0.
    """

    predicted: np.ndarray
    true: np.ndarray
    pixels: np.ndarray
    true_boundary: np.ndarray | None = None
    starts: np.ndarray | None = None
    changes: np.ndarray | None = None
    ends: np.ndarray | None = None


def threshold_histogram(
    category: np.ndarray | torch.Tensor,
    true: np.ndarray | torch.Tensor,
    score: np.ndarray | torch.Tensor,
    thresholds: np.ndarray,
    boundaries: bool,
    name: str = "image",
) -> ThresholdHistogram:
    """Joint histogram of a true label map and a prediction that is cut at many thresholds.

    Args:
        category: (H, W) integers, predicted ids before thresholding; a tensor is counted on its device.
        true: (H, W) integers, of the same kind.
        score: (H, W) float, foreground score, of the same kind; compared in single precision.
        thresholds: (T,) float32, strictly ascending.
        boundaries: Whether to count boundary pixels (3 % of the image diagonal wide) too.
        name: What to call the image in a message.

    Raises:
        ValueError: If the three are not maps of one size or a score is not a number; the message begins with `name`.
    """
    check_label_maps(category, true, name)
    if tuple(score.shape) != tuple(category.shape):
        raise ValueError(f"{name}: scores of shape {tuple(score.shape)} for a map of shape {tuple(category.shape)}")
    if (score != score).any():
        raise ValueError(f"{name}: a foreground score is not a number")
    count = _count_tensors if isinstance(category, torch.Tensor) else _count_arrays
    return count(category, true, score, thresholds, boundaries)


def passed_thresholds(score: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Number of thresholds that each score reaches, score >= threshold in single precision.

    Args:
        score: (H, W) float.
        thresholds: (T,) float32, ascending.

    Returns:
        (H, W) uint8, or uint16 where T > 255.
    """
    dtype = np.uint8 if len(thresholds) < 256 else np.uint16
    score = score.astype(np.float32, copy=False)
    low, high = thresholds[[0, -1]]
    span = float(high) - float(low)
    if len(thresholds) == 1 or not np.diff(thresholds.astype(np.float64)).min() * (_CELLS / 2) > span > 1e-30:
        return np.searchsorted(thresholds, score, side="right").astype(dtype)
    # A binary search for each pixel would take half of the time of a sweep. Rounding keeps the order of numbers: a
    # score in a lower or higher cell than a threshold's is below or above it; only one in the same cell is compared.
    scale = np.float32(_CELLS / span)
    cells, of_thresholds = (
        ((np.clip(values, low, high) - low) * scale).astype(np.intp) for values in (score, thresholds)
    )
    below = np.searchsorted(of_thresholds, np.arange(_CELLS + 2)).astype(dtype)
    passed = np.minimum(below, dtype(len(thresholds) - 1))[cells]
    passed += score >= thresholds[passed]
    return passed


def _count_arrays(
    category: np.ndarray, true: np.ndarray, score: np.ndarray, thresholds: np.ndarray, boundaries: bool
) -> ThresholdHistogram:
    num = len(thresholds)
    passed = passed_thresholds(score, thresholds)
    passed[category == 0] = 0
    flat_category, flat_true = category.ravel(), true.ravel()
    change = np.ones(category.size, bool)
    change[1:] = (flat_category[1:] != flat_category[:-1]) | (flat_true[1:] != flat_true[:-1])
    runs = np.flatnonzero(change)
    ids_predicted, runs_predicted = np.unique(flat_category[runs], return_inverse=True)
    ids_true, runs_true = np.unique(flat_true[runs], return_inverse=True)
    pairs = (len(ids_predicted), len(ids_true))
    code = np.repeat(runs_predicted * pairs[1] + runs_true, np.diff(runs, append=category.size))

    def count(code: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.bincount(code, minlength=int(np.prod(shape))).reshape(shape)

    ids = ids_predicted.astype(np.int64), ids_true.astype(np.int64)
    pixels = count(code * (num + 1) + passed.ravel(), (*pairs, num + 1))
    if not boundaries:
        return ThresholdHistogram(*ids, pixels)
    width = boundary_width(*category.shape)
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    first, last = cv2.erode(passed, square), cv2.dilate(passed, square)
    first[boundary_mask(category, width)] = 0
    last[frame_mask(category.shape, width)] = num
    code = code * 2 + boundary_mask(true, width).ravel()
    on_true = count(code, (*pairs, 2)).sum(0)[:, 1]
    near = np.flatnonzero(last.ravel() > first.ravel())
    code = code[near] * (num + 1)
    events = (count(code + when.ravel()[near], (*pairs, 2, num + 1)) for when in (first, passed, last))
    return ThresholdHistogram(*ids, pixels, on_true, *events)


def _count_tensors(
    category: torch.Tensor, true: torch.Tensor, score: torch.Tensor, thresholds: np.ndarray, boundaries: bool
) -> ThresholdHistogram:
    num = len(thresholds)
    limits = torch.from_numpy(thresholds).to(score.device)
    passed = torch.searchsorted(limits, score.float().contiguous(), right=True)
    passed[category == 0] = 0
    ids_predicted, code = compact_ids(category)
    ids_true, compact_true = compact_ids(true)
    pairs = (len(ids_predicted), len(ids_true))
    code = (code * pairs[1] + compact_true).flatten()

    def count(code: torch.Tensor, shape: tuple[int, ...]) -> np.ndarray:
        return torch.bincount(code, minlength=int(np.prod(shape))).cpu().numpy().reshape(shape)

    ids = ids_predicted.cpu().numpy(), ids_true.cpu().numpy()
    pixels = count(code * (num + 1) + passed.flatten(), (*pairs, num + 1))
    if not boundaries:
        return ThresholdHistogram(*ids, pixels)
    width = boundary_width(*category.shape)
    first, last = -_window_max(-passed, width), _window_max(passed, width)
    first[boundary_mask(category, width)] = 0
    last[torch.from_numpy(frame_mask(category.shape, width)).to(last.device)] = num
    code = code * 2 + boundary_mask(true, width).flatten()
    on_true = count(code, (*pairs, 2)).sum(0)[:, 1]
    near = (last > first).flatten()
    code = code[near] * (num + 1)
    events = (count(code + when.flatten()[near], (*pairs, 2, num + 1)) for when in (first, passed, last))
    return ThresholdHistogram(*ids, pixels, on_true, *events)


def _window_max(values: torch.Tensor, width: int) -> torch.Tensor:
    pooled = F.max_pool2d(values[None].float(), (2 * width + 1, 1), 1, (width, 0))
    return F.max_pool2d(pooled, (1, 2 * width + 1), 1, (0, width))[0].long()
