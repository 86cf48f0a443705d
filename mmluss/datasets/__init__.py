# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""ImageNet-S on disk, label maps with ids of 16 bits, and the transforms of the training steps."""

from .color_distortion import ColorDistortion
from .imagenets import ImageNetSDataset
from .loading import LoadImageNetSAnnotations, LoadSaliencyMap
from .multi_crop import MultiCrop, PackMultiCrops
from .random_resized_crop import RandomResizedCropSeg
from .worker_seed import seed_worker

__all__ = [
    "ColorDistortion",
    "ImageNetSDataset",
    "LoadImageNetSAnnotations",
    "LoadSaliencyMap",
    "MultiCrop",
    "PackMultiCrops",
    "RandomResizedCropSeg",
    "seed_worker",
]
