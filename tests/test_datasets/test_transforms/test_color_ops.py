# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from mmluss.datasets.transforms import color_ops


def _images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (60, 80, 3), np.uint8)
    smooth = cv2.resize(rng.integers(0, 256, (5, 6, 3), np.uint8), (80, 60), interpolation=cv2.INTER_CUBIC)
    return [noise, smooth, np.clip(smooth * 0.3, 0, 255).astype(np.uint8), np.full((7, 9, 3), 255, np.uint8)]


def _torchvision(operation: str, image: np.ndarray, *arguments: object) -> np.ndarray:
    rgb = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
    return getattr(functional, operation)(rgb, *arguments).permute(1, 2, 0).numpy()[..., ::-1]


def _difference(ours: np.ndarray, reference: np.ndarray) -> np.ndarray:
    assert ours.dtype == np.uint8 and ours.shape == reference.shape
    return np.abs(ours.astype(int) - reference.astype(int))


@pytest.mark.parametrize("image", _images(), ids=["noise", "smooth", "dark", "white"])
class TestAgainstTorchvision:
    @pytest.mark.parametrize("factor", [0, 0.2, 0.7, 1, 1.8])
    @pytest.mark.parametrize("operation", ["adjust_brightness", "adjust_contrast", "adjust_saturation"])
    def test_factors(self, image, operation, factor):
        before = image.copy()
        ours = getattr(color_ops, operation)(image, factor)
        assert _difference(ours, _torchvision(operation, image, factor)).max() <= 2
        np.testing.assert_array_equal(image, before)

    @pytest.mark.parametrize("shift", [-0.5, -0.2, 0, 0.03, 0.2, 0.5])
    def test_hue(self, image, shift):
        before = image.copy()
        difference = _difference(color_ops.adjust_hue(image, shift), _torchvision("adjust_hue", image, shift))
        assert difference.max() <= 12 and difference.mean() <= 1
        np.testing.assert_array_equal(image, before)

    def test_gray(self, image):
        assert _difference(color_ops.to_gray(image), _torchvision("rgb_to_grayscale", image, 3)).max() <= 1

    @pytest.mark.parametrize("radius", [0.1, 0.5, 1.3, 2.0])
    def test_blur(self, image, radius):
        if min(image.shape[:2]) < 10:
            pytest.skip("torchvision mirrors no border wider than the image")
        kernel = 2 * int(np.ceil(4 * radius)) + 1
        reference = _torchvision("gaussian_blur", image, [kernel, kernel], [radius, radius])
        assert _difference(color_ops.gaussian_blur(image, radius), reference).max() <= 1


@pytest.mark.parametrize("shift", [-0.2, 0.1])
def test_hue_turns_primary_colors(shift):
    red = np.full((4, 4, 3), (0, 0, 255), np.uint8)
    hsv = cv2.cvtColor(color_ops.adjust_hue(red, shift).astype(np.float32) / 255, cv2.COLOR_BGR2HSV)
    assert hsv[0, 0, 0] == pytest.approx(360 * (shift % 1), abs=2)
    assert hsv[0, 0, 1:] == pytest.approx((1, 1), abs=0.01)


def test_blur_of_images_smaller_than_the_kernel():
    assert color_ops.gaussian_blur(np.full((2, 1, 3), 9, np.uint8), 2.0).tolist() == [[[9] * 3], [[9] * 3]]
