# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from mmluss.datasets.transforms import color_ops
from mmluss.models.batch_augments import batch_color_ops


def _photos() -> np.ndarray:
    """(4, 60, 80, 3) uint8: noise, smooth, dark and white."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (60, 80, 3), np.uint8)
    smooth = cv2.resize(rng.integers(0, 256, (5, 6, 3), np.uint8), (80, 60), interpolation=cv2.INTER_CUBIC)
    return np.stack([noise, smooth, np.clip(smooth * 0.3, 0, 255).astype(np.uint8), np.full_like(noise, 255)])


def _batch(photos: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photos).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize(
    ("operation", "values"),
    [
        ("adjust_brightness", [0, 0.2, 1, 1.8]),
        ("adjust_contrast", [0, 0.7, 1, 1.8]),
        ("adjust_saturation", [1.8, 0.2, 1, 0]),
        ("adjust_hue", [0.2, -0.5, 0, 0.03]),
        ("adjust_hue", [-0.03, 0.5, 0.1, -0.2]),
    ],
)
def test_each_image_is_changed_as_torchvision_does(operation, values):
    images = _batch(_photos())
    before = images.clone()
    found = getattr(batch_color_ops, operation)(images, torch.tensor(values, dtype=torch.float32))
    for image, value, changed in zip(images, values, found, strict=True):
        expected = getattr(functional, operation)(image.flip(0) / 255, value).flip(0) * 255
        # torchvision's weights of gray differ in the fourth place, and contrast adds up.
        torch.testing.assert_close(changed, expected, atol=0.1, rtol=0)
    assert torch.equal(images, before)


@pytest.mark.parametrize("radii", [[0.1, 0.5, 1.3, 2.0], [0.4] * 4])
def test_blur_is_that_of_single_images(radii):
    photos = _photos()
    found = batch_color_ops.gaussian_blur(_batch(photos), torch.tensor(radii), max(radii))
    expected = np.stack([color_ops.gaussian_blur(*pair) for pair in zip(photos, radii, strict=True)])
    torch.testing.assert_close(found, _batch(expected), atol=1, rtol=0)


def test_gray_is_that_of_single_images():
    photos = _photos()
    expected = _batch(np.stack([color_ops.to_gray(photo) for photo in photos]))
    torch.testing.assert_close(batch_color_ops.to_gray(_batch(photos)), expected, atol=0.6, rtol=0)


def test_blur_of_images_smaller_than_the_kernel():
    flat = torch.full((1, 3, 2, 1), 9.0)
    torch.testing.assert_close(batch_color_ops.gaussian_blur(flat, torch.tensor([2.0]), 2.0), flat)
