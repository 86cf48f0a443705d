# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""ImageNet-S on disk, label maps with ids of 16 bits, and the transforms of the training steps."""

from mmluss.datasets.imagenets import ImageNetSDataset
from mmluss.datasets.multi_crop_collate import multi_crop_collate
from mmluss.datasets.photos import LoadPhoto, PhotoFolderDataset
from mmluss.datasets.transforms.color_distortion import ColorDistortion
from mmluss.datasets.transforms.loading import LoadImageNetSAnnotations, LoadSaliencyMap
from mmluss.datasets.transforms.multi_crop import MultiCrop, PackMultiCrops
from mmluss.datasets.transforms.random_resized_crop import RandomResizedCropSeg
from mmluss.datasets.worker_seed import seed_worker

__all__ = [
    "ColorDistortion",
    "ImageNetSDataset",
    "LoadImageNetSAnnotations",
    "LoadPhoto",
    "LoadSaliencyMap",
    "MultiCrop",
    "PackMultiCrops",
    "PhotoFolderDataset",
    "RandomResizedCropSeg",
    "multi_crop_collate",
    "seed_worker",
]
