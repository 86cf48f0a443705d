# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A data set of a few small photos and a network of one convolution, for tests of clustering."""

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmseg.models.data_preprocessor import SegDataPreProcessor
from torch import Tensor, nn

import mmluss  # noqa: F401
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.datasets.imagenets import ImageNetSDataset
from mmluss.models.pixel_attention.nearest_centroid import nearest_centroids
from tests.helpers.tiny_data import write_image_folder

init_default_scope("mmseg")

SHORT_SIDE = 32
CROP = 28
CATEGORIES = ("amber", "blue", "coral")
SIZES = ((48, 36), (36, 48), (96, 72), (40, 40), (61, 47))
TEST_PIPELINE = [
    dict(type="LoadImageFromFile"),
    dict(type="mmpretrain.ResizeEdge", scale=SHORT_SIDE, edge="short", backend="pillow", interpolation="bilinear"),
    dict(type="LoadImageNetSAnnotations"),
    dict(type="PackSegInputs"),
]


def small_settings(**changes) -> PseudoLabelSettings:
    """Settings for the few small photos."""
    defaults = dict(num_clusters=3, threshold=0.5, crop_size=CROP, restarts=3, batch_size=4, num_workers=0)
    return PseudoLabelSettings(**(defaults | changes))


def tinted_photo(category: int, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A noisy photo with the tint of its category, and ids where it is bright."""
    noise = cv2.resize(rng.integers(0, 90, (8, 8, 3), np.uint8), SIZES[index % len(SIZES)])
    noise[..., category] += 120
    ids = np.where(noise.mean(axis=2) > 85, category + 1, 0)
    ids[0] = 1000
    return noise, ids


def write_split(root: Path, split: str, images: int, seed: int, masks: bool = False) -> None:
    """``images`` noisy PNG photos a category, each category with a tint of its own, and masks if wanted."""
    rng = np.random.default_rng(seed)
    write_image_folder(root, split, CATEGORIES, images, tinted_photo, rng, masks, "{category}_{index}.png")


def write_saliency(root: Path, split: str, folder: Path, seed: int = 0) -> None:
    """A random saliency map for each photo of a split."""
    rng = np.random.default_rng(seed)
    for path in sorted((root / split).rglob("*.png")):
        height, width = cv2.imread(str(path)).shape[:2]
        target = folder / path.relative_to(root / split)
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), cv2.resize(rng.integers(0, 255, (4, 4), np.uint8), (width, height)))


def photos(root: Path, split: str = "train", pipeline: list[dict] | None = None, **kwargs) -> ImageNetSDataset:
    """The data set of a split under the test pipeline."""
    # Tests of other scopes may have come before.
    init_default_scope("mmseg")
    return ImageNetSDataset(
        data_root=str(root),
        split=split,
        pipeline=pipeline or TEST_PIPELINE,
        test_mode=True,
        serialize_data=False,
        **kwargs,
    )


class SmallHead(nn.Module):
    """Buffers of a pixel-attention head."""

    upsampling = 2

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("centroids", torch.zeros(0, channels))
        self.register_buffer("threshold", torch.tensor(float("nan")))

    def set_centroids(self, centroids: Tensor, threshold: float) -> None:
        self.centroids = centroids.clone()
        self.threshold.fill_(threshold)


class SmallSegmentor(nn.Module):
    """One convolution in place of a backbone; the mean of its sigmoid is the attention."""

    def __init__(self, channels: int = 6, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.data_preprocessor = SegDataPreProcessor(mean=[100] * 3, std=[50] * 3, bgr_to_rgb=True)
        self.kernel = nn.Parameter(torch.randn(channels, 3, 4, 4, generator=generator) / 5)
        self.decode_head = SmallHead(channels)
        self.forwards = 0

    def features(self, inputs: Tensor) -> Tensor:
        self.forwards += 1
        return F.interpolate(F.conv2d(inputs, self.kernel, stride=4), scale_factor=2, mode="bilinear")

    def image_embeddings(self, inputs: Tensor, saliency: Tensor | None = None) -> Tensor:
        features = self.features(inputs)
        weights = features.sigmoid() if saliency is None else F.interpolate(saliency, features.shape[2:])
        return F.normalize((features * weights).mean(dim=(2, 3)), dim=1)

    def pixel_scores(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(inputs)
        return nearest_centroids(features, self.decode_head.centroids), features.sigmoid().mean(dim=1)
