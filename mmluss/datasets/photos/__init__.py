# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Photos of one's own: any folder, any format, no masks and no categories."""

from mmluss.datasets.photos.listing import PHOTO_SUFFIXES, PhotoList, SkippedFile, list_photos
from mmluss.datasets.photos.photo_folder import PhotoFolderDataset
from mmluss.datasets.photos.reading import LoadPhoto, read_photo

__all__ = ["PHOTO_SUFFIXES", "LoadPhoto", "PhotoFolderDataset", "PhotoList", "SkippedFile", "list_photos", "read_photo"]
