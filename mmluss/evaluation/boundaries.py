# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Boundaries of label regions, for all labels at once."""

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F


def boundary_width(height: int, width: int) -> int:
    """Width in pixels of the boundaries of an image: 3 % of its diagonal, at least 1."""
    return max(1, round(0.03 * math.hypot(height, width)))


def boundary_mask(labels: np.ndarray | torch.Tensor, width: int) -> np.ndarray | torch.Tensor:
    """Pixels of each label region that `width` erosions by a 3x3 square remove.

    A pixel is inside its region if the `(2 width + 1)`-square around it lies in the image and holds one label; that
    is so if every 2x2 block of that square holds one label, which one dilation of the other blocks tells.

    Args:
        labels: (H, W), any integer dtype; a tensor on any device.
        width: Number of erosions, at least 1.

    Returns:
        (H, W) bool, of the same kind and on the same device as `labels`.
    """
    height, length = labels.shape
    tensor = isinstance(labels, torch.Tensor)
    mask = torch.ones_like(labels, dtype=torch.bool) if tensor else np.ones(labels.shape, bool)
    if min(height, length) <= 2 * width:
        return mask
    beside = labels[:, 1:] != labels[:, :-1]
    mixed = beside[1:] | beside[:-1]
    mixed |= labels[1:, 1:] != labels[:-1, 1:]
    if tensor:
        near = F.max_pool2d(mixed[None].float(), (2 * width, 1), 1)
        near = F.max_pool2d(near, (1, 2 * width), 1)[0] > 0
    else:
        near = cv2.dilate(mixed.view(np.uint8), np.ones((2 * width, 2 * width), np.uint8)) > 0
        near = near[width : height - width, width : length - width]
    mask[width : height - width, width : length - width] = near
    return mask


def frame_mask(shape: tuple[int, int], width: int) -> np.ndarray:
    """Pixels less than `width` + 1 steps from the outside of an image.

    Args:
        shape: Height and width of the image.
        width: Width of the frame in pixels.

    Returns:
        (H, W) bool.
    """
    mask = np.ones(shape, bool)
    mask[width : shape[0] - width, width : shape[1] - width] = False
    return mask
