# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Transforms of the training steps and loading of label maps."""

from mmluss.datasets.transforms.color_distortion import ColorDistortion
from mmluss.datasets.transforms.loading import LoadImageNetSAnnotations, LoadSaliencyMap
from mmluss.datasets.transforms.multi_crop import MultiCrop, PackMultiCrops
from mmluss.datasets.transforms.random_resized_crop import RandomResizedCropSeg

__all__ = [
    "ColorDistortion",
    "LoadImageNetSAnnotations",
    "LoadSaliencyMap",
    "MultiCrop",
    "PackMultiCrops",
    "RandomResizedCropSeg",
]
