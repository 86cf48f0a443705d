# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Photos of one's own: any folder, any format, no masks and no categories."""

from mmluss.datasets.photos.listing import PhotoList, SkippedFile, list_photos, read_photo_list, write_photo_list
from mmluss.datasets.photos.photo_folder import PhotoFolderDataset
from mmluss.datasets.photos.reading import LoadPhoto, read_photo
from mmluss.utils.image_files import PHOTO_SUFFIXES

__all__ = [
    "PHOTO_SUFFIXES",
    "LoadPhoto",
    "PhotoFolderDataset",
    "PhotoList",
    "SkippedFile",
    "list_photos",
    "read_photo",
    "read_photo_list",
    "write_photo_list",
]
