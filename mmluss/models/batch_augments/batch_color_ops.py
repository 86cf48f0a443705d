# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Changes of color and sharpness on batches of BGR images, each image by a value of its own.

The definitions of ``datasets.transforms.color_ops`` on tensors that are not rounded, so on any device. torchvision's
functions take one value for all images of a batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_LARGEST = 255.0


def adjust_brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply all values of an image.

    Args:
        images: ``(B, 3, H, W)`` float32 BGR in 0..255.
        factors: ``(B,)``, at least 0; 1 changes nothing.

    Returns:
        ``(B, 3, H, W)`` float32 BGR in 0..255.
    """
    return (images * factors.view(-1, 1, 1, 1)).clamp_(0, _LARGEST)


def adjust_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Stretch all values of an image away from its mean gray; arguments and result as of ``adjust_brightness``."""
    return _stretched(images, _gray(images).mean(dim=(1, 2, 3), keepdim=True), factors)


def adjust_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Stretch each pixel's values away from its gray; arguments and result as of ``adjust_brightness``."""
    return _stretched(images, _gray(images), factors)


def adjust_hue(images: Tensor, shifts: Tensor) -> Tensor:
    """Turn the hue of the HSV model.

    Args:
        images: ``(B, 3, H, W)`` float32 BGR in 0..255.
        shifts: ``(B,)``, parts of a full turn.

    Returns:
        ``(B, 3, H, W)`` float32 BGR in 0..255.
    """
    blue, green, red = images.unbind(dim=1)
    value = images.amax(dim=1)
    chroma = value - images.amin(dim=1)
    divisor = torch.where(chroma > 0, chroma, 1)
    # In sixths of a turn.
    hue = torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    hue = torch.where(value == red, (green - blue) / divisor, hue) + 6 * shifts.view(-1, 1, 1)
    # Each channel falls from the value by up to the chroma, by how far the hue is from where the channel is at its top.
    tops = torch.arange(1, 6, 2, device=images.device).view(1, 3, 1, 1)
    sixths = (hue[:, None] + tops) % 6
    return value[:, None] - chroma[:, None] * torch.minimum(sixths, 4 - sixths).clamp_(0, 1)


def to_gray(images: Tensor) -> Tensor:
    """Gray of each pixel in all three channels: ``(B, 3, H, W)`` float32 BGR in and out."""
    return _gray(images).expand_as(images)


def gaussian_blur(images: Tensor, radii: Tensor, largest: float) -> Tensor:
    """Gaussian blur, the border mirrored.

    Args:
        images: ``(B, 3, H, W)`` float32.
        radii: ``(B,)``, standard deviations in pixels, above 0.
        largest: No radius is larger. The host knows it without waiting for the device.

    Returns:
        ``(B, 3, H, W)`` float32.
    """
    count, channels, height, width = images.shape
    # A border is no wider than what it mirrors.
    reach = min(max(1, round(3 * largest)), height - 1, width - 1)
    steps = torch.arange(-reach, reach + 1, device=images.device)
    inside = steps.abs() <= (3 * radii).round().clamp_(min=1)[:, None]
    kernels = torch.exp(-0.5 * (steps / radii[:, None]) ** 2) * inside
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)[:, None]
    planes = F.pad(images, (reach, reach, reach, reach), "reflect").flatten(0, 1)[None]
    planes = F.conv2d(planes, kernels[:, :, None], groups=count * channels)
    return F.conv2d(planes, kernels[..., None], groups=count * channels).view_as(images)


def _gray(images: Tensor) -> Tensor:
    blue, green, red = images.split(1, dim=1)
    return 0.114 * blue + 0.587 * green + 0.299 * red


def _stretched(images: Tensor, middle: Tensor, factors: Tensor) -> Tensor:
    factors = factors.view(-1, 1, 1, 1)
    return (images * factors + middle * (1 - factors)).clamp_(0, _LARGEST)
