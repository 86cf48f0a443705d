# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""ImageNet-S on disk, label maps with ids of 16 bits, and the transforms of the training steps."""

from .imagenets import ImageNetSDataset
from .loading import LoadImageNetSAnnotations, LoadSaliencyMap
from .random_resized_crop import RandomResizedCropSeg

__all__ = ["ImageNetSDataset", "LoadImageNetSAnnotations", "LoadSaliencyMap", "RandomResizedCropSeg"]
