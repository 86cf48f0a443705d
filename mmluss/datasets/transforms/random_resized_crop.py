# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Random resized crop of an image together with its label map."""

import mmcv
import numpy as np
from mmpretrain.datasets import RandomResizedCrop
from mmseg.registry import TRANSFORMS


def resize_nearest(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest-neighbor resize with aligned pixel centers, as Pillow does it; OpenCV's aligns corners.

    Args:
        ids: ``(H, W)`` of any type.
        size: ``(height, width)`` wanted.

    Returns:
        ``(height, width)``, same type.
    """
    rows, columns = (
        ((np.arange(want) + 0.5) * (have / want)).astype(np.intp) for have, want in zip(ids.shape, size, strict=True)
    )
    return ids[rows[:, None], columns]


@TRANSFORMS.register_module()
class RandomResizedCropSeg(RandomResizedCrop):
    """The ``RandomResizedCrop`` of mmpretrain that takes the label map along (the original crops the image only).

    The image is resized bilinearly with antialiasing, the labels by nearest neighbor.

    Required keys: ``img``, ``gt_seg_map`` (optional). Modified keys: ``img``, ``img_shape``, ``gt_seg_map``.

    Args:
        size: Output ``(height, width)``, or the side of a square.
        scale: Range of the share of the image's area that the crop covers.
        ratio: Range of the crop's width over its height.

    Raises:
        ValueError: For a range whose ends are swapped.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        super().__init__(size, crop_ratio_range=scale, aspect_ratio_range=ratio, backend="pillow")

    def transform(self, results: dict) -> dict:
        """Crop and resize a sample."""
        image, size = results["img"], tuple(self.scale)
        top, left, height, width = self.rand_crop_params(image)
        window = np.s_[top : top + height, left : left + width]
        results["img"] = mmcv.imresize(
            image[window], size[::-1], interpolation=self.interpolation, backend=self.backend
        )
        results["img_shape"] = size
        if results.get("gt_seg_map") is not None:
            results["gt_seg_map"] = resize_nearest(results["gt_seg_map"][window], size)
        return results
