# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The joint histogram of one image at many foreground thresholds at once.

At a threshold t a pixel has its predicted id if its score is at least t, and is 0 otherwise. What a pixel
contributes therefore changes a few times only along ascending thresholds: once when its score is passed, and where
the last, or the first, score of its neighborhood is passed if it lies near a boundary.
"""

from dataclasses import dataclass

import numpy as np
import torch

from mmluss.evaluation.image_histogram import (
    Map,
    boundary_bits,
    boundary_width,
    check_label_maps,
    number_ids,
    window_reduce,
)
from mmluss.utils.renamed_arguments import renamed_arguments

_CELLS = 4096


@dataclass(frozen=True)
class ThresholdHistogram:
    """Joint histogram of one image at T ascending thresholds.

    Attributes:
        predicted: ``(P,)`` int64, the predicted ids that occur before thresholding, ascending.
        true: ``(G,)`` int64, the true ids that occur, ascending; 1000 = ignored may be among them.
        pixels: ``(P, G, T + 1)`` int64 number of pixels by predicted id, true id and number of thresholds passed;
            pixels of predicted id 0 pass none.
        own: ``(P, G, 2, T + 1)`` int64, the same, told apart by whether the pixel lies on a true boundary; None where
            boundaries were not asked for.
        smallest: Same, by the number of thresholds at which all pixels around have this predicted id. In between (from
            ``smallest`` to ``own``) the pixel lies on a boundary of its predicted id.
        largest: Same, by the number of thresholds at which any pixel around has a predicted id. In between (from
            ``own`` to ``largest``) the pixel lies on a boundary of id 0.
    """

    predicted: np.ndarray
    true: np.ndarray
    pixels: np.ndarray
    own: np.ndarray | None = None
    smallest: np.ndarray | None = None
    largest: np.ndarray | None = None


@renamed_arguments({"category": "predicted"}, "threshold_histogram")
def threshold_histogram(
    predicted: np.ndarray | torch.Tensor,
    true: np.ndarray | torch.Tensor,
    score: np.ndarray | torch.Tensor,
    thresholds: np.ndarray,
    boundaries: bool,
    name: str = "image",
) -> ThresholdHistogram:
    """Joint histogram of a true label map and a prediction that is cut at many thresholds.

    Args:
        predicted: ``(H, W)`` integers, predicted ids before thresholding; a tensor is counted on its device.
        true: ``(H, W)`` integers, of the same kind.
        score: ``(H, W)`` float, foreground score, of the same kind; compared in single precision.
        thresholds: ``(T,)`` float32, strictly ascending.
        boundaries: Whether to count boundary pixels (3 % of the image diagonal wide) too.
        name: What to call the image in a message.

    Raises:
        ValueError: If the three are not maps of one size or a score is not a number; the message begins with ``name``.
    """
    check_label_maps(predicted, true, name)
    if tuple(score.shape) != tuple(predicted.shape):
        raise ValueError(f"{name}: scores of shape {tuple(score.shape)} for a map of shape {tuple(predicted.shape)}")
    if bool((score != score).any()):  # type: ignore[union-attr]
        raise ValueError(f"{name}: a foreground score is not a number")
    if isinstance(predicted, torch.Tensor) and isinstance(true, torch.Tensor) and isinstance(score, torch.Tensor):
        return _count_tensors(predicted, true, score, thresholds, boundaries)
    return _count_arrays(np.asarray(predicted), np.asarray(true), np.asarray(score), thresholds, boundaries)


def passed_thresholds(score: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Number of thresholds that each score reaches, score >= threshold in single precision.

    Args:
        score: ``(H, W)`` float.
        thresholds: ``(T,)`` float32, ascending.

    Returns:
        ``(H, W)`` uint8, or uint16 where T > 255.
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
        ((np.clip(values, low, high) - low) * scale).astype(np.int32) for values in (score, thresholds)
    )
    below = np.searchsorted(of_thresholds, np.arange(_CELLS + 2)).clip(max=len(thresholds) - 1)
    passed = below.astype(dtype).take(cells, mode="clip")
    passed += score >= thresholds[below].take(cells, mode="clip")
    return passed


def _count_arrays(
    predicted: np.ndarray, true: np.ndarray, score: np.ndarray, thresholds: np.ndarray, boundaries: bool
) -> ThresholdHistogram:
    num = len(thresholds)
    passed = passed_thresholds(score, thresholds)
    passed[predicted == 0] = 0
    flat_predicted, flat_true = predicted.ravel(), true.ravel()
    change = np.ones(predicted.size, bool)
    change[1:] = (flat_predicted[1:] != flat_predicted[:-1]) | (flat_true[1:] != flat_true[:-1])
    runs = np.flatnonzero(change)
    ids_predicted, runs_predicted = number_ids(flat_predicted[runs])
    ids_true, runs_true = number_ids(flat_true[runs])
    pairs = (len(ids_predicted), len(ids_true))
    code = np.repeat(runs_predicted * pairs[1] + runs_true, np.diff(runs, append=predicted.size))

    def count(code: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.bincount(code, minlength=int(np.prod(shape))).reshape(shape)

    if not boundaries:
        return ThresholdHistogram(ids_predicted, ids_true, count(code * (num + 1) + passed.ravel(), (*pairs, num + 1)))
    width = boundary_width(*predicted.shape)
    bits = boundary_bits((predicted, true), width)
    smallest, largest = np.zeros_like(passed), np.full_like(passed, num)
    _fill_neighborhood(passed, bits & 1, width, smallest, largest)
    code = (code * 2 + (bits >> 1).ravel()) * (num + 1)
    own, *around = (count(code + which.ravel(), (*pairs, 2, num + 1)) for which in (passed, smallest, largest))
    return ThresholdHistogram(ids_predicted, ids_true, own.sum(2), own, *around)


def _count_tensors(
    predicted: torch.Tensor, true: torch.Tensor, score: torch.Tensor, thresholds: np.ndarray, boundaries: bool
) -> ThresholdHistogram:
    num = len(thresholds)
    passed = torch.searchsorted(torch.from_numpy(thresholds).to(score.device), score.float().contiguous(), right=True)
    passed[predicted == 0] = 0
    ids_predicted, code = number_ids(predicted)
    ids_true, numbered_true = number_ids(true)
    pairs = (len(ids_predicted), len(ids_true))
    code = (code * pairs[1] + numbered_true).flatten()

    def count(code: torch.Tensor, shape: tuple[int, ...]) -> np.ndarray:
        return torch.bincount(code, minlength=int(np.prod(shape))).cpu().numpy().reshape(shape)

    ids = ids_predicted.cpu().numpy(), ids_true.cpu().numpy()
    if not boundaries:
        return ThresholdHistogram(*ids, count(code * (num + 1) + passed.flatten(), (*pairs, num + 1)))
    width = boundary_width(*predicted.shape)
    bits = boundary_bits((predicted, true), width)
    smallest, largest = torch.zeros_like(passed), torch.full_like(passed, num)
    _fill_neighborhood(passed, bits & 1, width, smallest, largest)
    code = (code * 2 + (bits >> 1).flatten()) * (num + 1)
    own, *around = (count(code + which.flatten(), (*pairs, 2, num + 1)) for which in (passed, smallest, largest))
    return ThresholdHistogram(*ids, own.sum(2), own, *around)


def _fill_neighborhood(passed: Map, several: Map, width: int, smallest: Map, largest: Map) -> None:
    """Smallest (0 where ``several`` ids meet) and largest number of thresholds passed around the inner pixels."""
    height, length = passed.shape
    if min(height, length) <= 2 * width:
        return
    inner = slice(width, height - width), slice(width, length - width)
    high, low = (torch.maximum, torch.minimum) if isinstance(passed, torch.Tensor) else (np.maximum, np.minimum)
    largest[inner] = window_reduce(passed, 2 * width + 1, high)
    smallest[inner] = window_reduce(passed, 2 * width + 1, low)
    smallest[several > 0] = 0
