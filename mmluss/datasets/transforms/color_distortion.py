# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Color jitter, gray and blur of PASS's pretraining and of the semi-supervised protocol."""

from typing import NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmluss.datasets.transforms import color_ops
from mmluss.utils.renamed_arguments import renamed_arguments


class ColorOperation(NamedTuple):
    """A function of ``color_ops`` by its name, and the value for it, of which ``to_gray`` has no use."""

    name: str
    value: float


@TRANSFORMS.register_module()
class ColorDistortion(BaseTransform):
    """Color jitter, gray and Gaussian blur, each with its own probability (PASS, pretraining).

    The jitter changes brightness, contrast, saturation and hue, in random order. The defaults are the method's.

    Required key: ``img``, ``(H, W, 3)`` uint8 BGR. Modified key: ``img``, same shape.

    Args:
        brightness: Factors are drawn from max(0, 1 - brightness) .. 1 + brightness; 0 turns it off.
        contrast: Likewise.
        saturation: Likewise.
        hue: Hue is turned by -hue .. hue of a full circle, at most 0.5; 0 turns it off.
        jitter_prob: Probability of these four together.
        gray_prob: Probability of a gray image.
        blur_prob: Probability of a blur.
        blur_radius: Range of its standard deviation in pixels.

    Raises:
        ValueError: If a value lies outside of its range.
    """

    @renamed_arguments({"grey_prob": "gray_prob"}, "ColorDistortion")
    def __init__(
        self,
        brightness: float = 0.8,
        contrast: float = 0.8,
        saturation: float = 0.8,
        hue: float = 0.2,
        jitter_prob: float = 0.8,
        gray_prob: float = 0.2,
        blur_prob: float = 0.5,
        blur_radius: tuple[float, float] = (0.1, 2.0),
    ) -> None:
        for name, value, limit in (
            ("brightness", brightness, np.inf),
            ("contrast", contrast, np.inf),
            ("saturation", saturation, np.inf),
            ("hue", hue, 0.5),
            ("jitter_prob", jitter_prob, 1),
            ("gray_prob", gray_prob, 1),
            ("blur_prob", blur_prob, 1),
        ):
            if not 0 <= value <= limit:
                raise ValueError(f"ColorDistortion: {name} is 0..{limit}, not {value}")
        if not 0 < blur_radius[0] <= blur_radius[1]:
            raise ValueError(f"ColorDistortion: blur_radius is (low, high) with 0 < low <= high, not {blur_radius}")
        self.jitter = (
            ("adjust_brightness", max(0.0, 1 - brightness), 1 + brightness),
            ("adjust_contrast", max(0.0, 1 - contrast), 1 + contrast),
            ("adjust_saturation", max(0.0, 1 - saturation), 1 + saturation),
            ("adjust_hue", -hue, hue),
        )
        self.jitter_prob = jitter_prob
        self.gray_prob = gray_prob
        self.blur_prob = blur_prob
        self.blur_radius = tuple(blur_radius)

    def draw(self) -> list[ColorOperation]:
        """Draw what is done to an image, in its order, from numpy's global random numbers."""
        operations = []
        if np.random.rand() < self.jitter_prob:
            for index in np.random.permutation(len(self.jitter)):
                name, low, high = self.jitter[index]
                if low < high:
                    operations.append(ColorOperation(name, np.random.uniform(low, high)))
        if np.random.rand() < self.gray_prob:
            operations.append(ColorOperation("to_gray", 1.0))
        if np.random.rand() < self.blur_prob:
            operations.append(
                ColorOperation("gaussian_blur", np.random.uniform(self.blur_radius[0], self.blur_radius[1]))
            )
        return operations

    def transform(self, results: dict) -> dict:
        """Distort the image of a sample."""
        image = results["img"]
        for name, value in self.draw():
            image = color_ops.to_gray(image) if name == "to_gray" else getattr(color_ops, name)(image, value)
        results["img"] = image
        return results
