# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Bilinear resize that averages when it shrinks, as Pillow's does and OpenCV's does not."""

import cv2
import numpy as np
import torch
from torch.nn import functional


def resize_antialiased(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Antialiased bilinear resize of an 8-bit image.

    Args:
        image: ``(H, W, 3)`` uint8; a view of a part of a larger image is fine, pixels outside of it are not used.
        size: ``(height, width)`` wanted.

    Returns:
        ``(height, width, 3)`` uint8, within 1 level of Pillow's ``resize(..., BILINEAR)``.
    """
    if image.shape[0] <= size[0] and image.shape[1] <= size[1]:
        return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    # torch has a vectorized kernel for 8 bits only where the channels lie side by side without gaps, and gives planes.
    channels_last = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    planes = functional.interpolate(channels_last, size, mode="bilinear", antialias=True)[0]
    return cv2.merge(list(planes.numpy()))
