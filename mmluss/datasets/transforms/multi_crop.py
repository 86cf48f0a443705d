# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Several distorted crops of one image, for steps 1 and 2.1 of PASS."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform, Compose
from mmpretrain.datasets import RandomResizedCrop
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

from mmluss.datasets.transforms.antialiased_resize import resize_antialiased
from mmluss.datasets.transforms.overlap_grid import overlap_grid


@dataclass(frozen=True)
class CropGroup:
    """Crops that share their settings.

    Attributes:
        size: Side of the square output in pixels.
        number: How many crops.
        scale: Range of the share of the image's area that a crop covers, within 0..1.

    Raises:
        ValueError: If one of them is out of range.
    """

    size: int
    number: int
    scale: tuple[float, float]

    def __post_init__(self) -> None:
        if self.size < 1 or self.number < 1 or not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(
                f"MultiCrop: a group has size >= 1, number >= 1 and scale (low, high) with 0 < low <= high <= 1, "
                f"not {self}"
            )


@TRANSFORMS.register_module()
class MultiCrop(BaseTransform):
    """Random resized crops, flips and distortions, each crop independent of the others (PASS, pretraining).

    All crops come from the image as it was decoded once and stay 8-bit. Random numbers are numpy's global ones.

    Required key: ``img``, ``(H, W, 3)`` uint8. Added keys: ``crops``, list of V ``(size, size, 3)`` uint8 in the order
    of the groups; ``crop_rects``, ``(V, 5)`` int64, each (left, top, width, height, flip) in pixels of the image;
    ``overlap_grid``, ``(2, S, S, 2)`` float32, of crops 0 and 1 (see the function of that name). Removed key: ``img``.

    Args:
        groups: Settings of ``CropGroup``, as dicts; at least two crops in all. The first two crops are those
            that the overlap grid and the assignments are about.
        ratio: Range of a crop's width over its height in the image.
        flip_prob: Probability of a horizontal flip.
        crop_transforms: Transforms of each crop on its own, on the key ``img``. Default: ``ColorDistortion``.
        grid_size: S, positions per axis of the overlap grid.

    Raises:
        ValueError: If a setting is out of range.

    Example:
        >>> groups = [dict(size=32, number=2, scale=(0.2, 1.0)), dict(size=16, number=1, scale=(0.05, 0.2))]
        >>> sample = MultiCrop(groups)(dict(img=np.zeros((48, 64, 3), np.uint8)))
        >>> [crop.shape for crop in sample["crops"]], sample["overlap_grid"].shape
        ([(32, 32, 3), (32, 32, 3), (16, 16, 3)], (2, 7, 7, 2))
    """

    def __init__(
        self,
        groups: Sequence[dict],
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        flip_prob: float = 0.5,
        crop_transforms: Sequence[dict] = (dict(type="ColorDistortion"),),
        grid_size: int = 7,
    ) -> None:
        self.groups = tuple(CropGroup(**group) for group in groups)
        if sum(group.number for group in self.groups) < 2:
            raise ValueError("MultiCrop: PASS compares crops of one image, so the groups hold at least two in all")
        if not 0 < ratio[0] <= ratio[1] or not 0 <= flip_prob <= 1:
            raise ValueError(f"MultiCrop: ratio is (low, high) and flip_prob 0..1, not {ratio} and {flip_prob}")
        self.flip_prob = flip_prob
        self.grid_size = grid_size
        self.crop_transforms = Compose([TRANSFORMS.build(dict(transform)) for transform in crop_transforms])
        self._samplers = [
            RandomResizedCrop(group.size, crop_ratio_range=group.scale, aspect_ratio_range=ratio)
            for group in self.groups
            for _ in range(group.number)
        ]

    def transform(self, results: dict) -> dict:
        """Replace the image of a sample by its crops.

        Raises:
            ValueError: Naming the image, if it is not ``(H, W, 3)`` uint8.
        """
        image = results.pop("img")
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            path = results.get("img_path", "an image")
            raise ValueError(f"{path}: crops are made of (H, W, 3) uint8 images, not {image.shape} {image.dtype}")
        crops, rects = [], []
        for sampler in self._samplers:
            top, left, height, width = sampler.rand_crop_params(image)
            crop = resize_antialiased(image[top : top + height, left : left + width], sampler.scale)
            flip = np.random.rand() < self.flip_prob
            if flip:
                crop = cv2.flip(crop, 1)
            crops.append(self.crop_transforms({"img": crop})["img"])
            rects.append((left, top, width, height, flip))
        results["crops"] = crops
        results["crop_rects"] = np.array(rects, dtype=np.int64)
        results["overlap_grid"] = overlap_grid(rects[0], rects[1], self.grid_size)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(groups={self.groups}, flip_prob={self.flip_prob}, grid_size={self.grid_size})"


@TRANSFORMS.register_module()
class PackMultiCrops(BaseTransform):
    """Pack the crops of ``MultiCrop`` as the models of steps 1 and 2.1 take them.

    Gives ``inputs``: ``crops``, list of V ``(3, size, size)`` uint8 tensors, channels in the order loaded (BGR), and
    ``grid``, ``(2, S, S, 2)`` float32 tensor; and ``data_samples``: a ``SegDataSample`` with the sample's names. A
    dataloader takes ``collate_fn=dict(type="multi_crop_collate")``: crops of one place in the list become a batch.

    Args:
        meta_keys: Keys to keep in the data sample, where the sample has them.
    """

    def __init__(self, meta_keys: Sequence[str] = ("img_path", "relative_path", "category", "ori_shape")) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack a sample."""
        crops = []
        for crop in results["crops"]:
            planes = np.empty((3, *crop.shape[:2]), dtype=np.uint8)
            cv2.split(crop, list(planes))
            crops.append(torch.from_numpy(planes))
        sample = SegDataSample(metainfo={key: results[key] for key in self.meta_keys if key in results})
        grid = torch.from_numpy(results["overlap_grid"])
        return {"inputs": {"crops": crops, "grid": grid}, "data_samples": sample}
