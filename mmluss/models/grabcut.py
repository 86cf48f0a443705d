# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Outlines that follow the photo: GrabCut (Rother et al., 2004) started from foreground scores."""

import cv2
import numpy as np
import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor, nn

SMALL_PART = 0.1
"""Parts of the foreground of less than this share of the greatest one hold no sure foreground."""


def grabcut_areas(score: np.ndarray, threshold: float, sure_foreground: float, sure_background: float) -> np.ndarray:
    """What GrabCut starts from: sure and probable foreground and background.

    Sure foreground is looked for in each connected part of the foreground by itself, so that several things in a photo
    survive however unequal their scores are.

    Args:
        score: ``(H, W)`` float32.
        threshold: Foreground is likely at and above it.
        sure_foreground: Quantile of a part's scores, in 0..1, from which on its pixels are sure foreground.
        sure_background: Quantile of the scores below the threshold, up to which pixels are sure background.

    Returns:
        ``(H, W)`` uint8 of OpenCV's ``GC_BGD``, ``GC_FGD``, ``GC_PR_BGD``, ``GC_PR_FGD``.
    """
    foreground = score >= threshold
    areas = np.where(foreground, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    count, part = cv2.connectedComponents(foreground.astype(np.uint8), connectivity=8)
    sizes = np.bincount(part.ravel(), minlength=count)
    for index in range(1, count):
        if sizes[index] >= SMALL_PART * sizes[1:].max():
            members = part == index
            areas[members & (score >= np.quantile(score[members], sure_foreground))] = cv2.GC_FGD
    if not foreground.all():
        areas[~foreground & (score <= np.quantile(score[~foreground], sure_background))] = cv2.GC_BGD
    return areas


def grabcut(photo: np.ndarray, areas: np.ndarray, iterations: int) -> np.ndarray:
    """Foreground of a photo by GrabCut, always the same for the same input.

    Args:
        photo: ``(H, W, 3)`` uint8.
        areas: ``(H, W)`` uint8 of ``grabcut_areas``.
        iterations: Rounds of color models and minimum cut.

    Returns:
        ``(H, W)`` bool. Where all or nothing is foreground, or OpenCV finds no two color models, the areas as they are.
    """
    likely = (areas == cv2.GC_FGD) | (areas == cv2.GC_PR_FGD)
    if likely.all() or not likely.any():
        return likely
    mask, background, foreground = areas.copy(), np.zeros((1, 65)), np.zeros((1, 65))
    # The color models start with k-means on OpenCV's random numbers.
    cv2.setRNGSeed(0)
    try:
        whole = (0, 0, photo.shape[1], photo.shape[0])
        photo = np.ascontiguousarray(photo)
        cv2.grabCut(photo, mask, whole, background, foreground, iterations, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return likely
    found = (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
    return found if found.any() else likely


@TASK_UTILS.register_module()
class GrabCut:
    """Refines the foreground of a label map against its photo.

    Args:
        short_side: The photo is brought to this short side first, pixels; smaller ones stay as they are.
        iterations: Rounds of color models and minimum cut.
        sure_foreground: See ``grabcut_areas``.
        sure_background: See ``grabcut_areas``.

    Raises:
        ValueError: A number out of range.

    Example:
        >>> photo = np.zeros((32, 32, 3), np.uint8)
        >>> photo[8:24, 8:24] = 255
        >>> score = np.pad(np.ones((2, 2), np.float32), 1)
        >>> int(GrabCut()(photo, score, threshold=0.5, size=(32, 32)).sum())
        256
    """

    def __init__(
        self, short_side: int = 160, iterations: int = 2, sure_foreground: float = 0.98, sure_background: float = 0.3
    ) -> None:
        if short_side < 8 or iterations < 1:
            raise ValueError(f"GrabCut needs short_side >= 8 and iterations >= 1, not {short_side} and {iterations}")
        if not (0 <= sure_foreground <= 1 and 0 <= sure_background <= 1):
            raise ValueError(f"quantiles of GrabCut lie in 0..1, not {sure_foreground} and {sure_background}")
        self.short_side = short_side
        self.iterations = iterations
        self.sure_foreground = sure_foreground
        self.sure_background = sure_background

    def __call__(self, photo: np.ndarray, score: np.ndarray, threshold: float, size: tuple[int, int]) -> np.ndarray:
        """Foreground at a size of choice.

        Args:
            photo: ``(H, W, 3)`` uint8, any order of channels.
            score: ``(h, w)`` float32, over the same area.
            threshold: Foreground is likely where the score is at least this.
            size: ``(H', W')`` of the result, pixels.

        Returns:
            ``(H', W')`` bool.
        """
        height, width = photo.shape[:2]
        scale = min(1.0, self.short_side / min(height, width))
        working = max(1, round(width * scale)), max(1, round(height * scale))
        photo = cv2.resize(photo, working, interpolation=cv2.INTER_AREA)
        score = cv2.resize(np.asarray(score, np.float32), working, interpolation=cv2.INTER_LINEAR)
        areas = grabcut_areas(score, threshold, self.sure_foreground, self.sure_background)
        found = grabcut(photo, areas, self.iterations).astype(np.float32)
        return cv2.resize(found, (int(size[1]), int(size[0])), interpolation=cv2.INTER_LINEAR) >= 0.5


def denormalized_photo(image: Tensor, preprocessor: nn.Module) -> np.ndarray:
    """The photo that a network's input was made from, in the network's order of channels.

    Args:
        image: ``(3, H, W)`` normalized.
        preprocessor: Its ``mean`` and ``std`` normalized the image, if it has any.

    Returns:
        ``(H, W, 3)`` uint8.
    """
    mean, std = getattr(preprocessor, "mean", None), getattr(preprocessor, "std", None)
    if mean is not None and std is not None:
        image = image * std.view(3, 1, 1) + mean.view(3, 1, 1)
    return image.detach().round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
