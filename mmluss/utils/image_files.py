# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Which files are images."""

import os
from functools import cache
from pathlib import Path

from PIL import Image

IMAGE_SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
"""Of what OpenCV decodes, as mmcv's loader does."""

PHOTO_SUFFIXES = IMAGE_SUFFIXES | {".gif", ".heic", ".heif", ".avif", ".jfif", ".jpe"}
"""Of what cameras, phones and browsers write; ``mmluss.datasets.photos`` reads all of these."""


def is_image(name: str) -> bool:
    """Whether a file name has an image's suffix, in upper or lower case, and is not hidden."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")


def is_photo(name: str) -> bool:
    """As ``is_image``, of the suffixes of all photos."""
    return os.path.splitext(name)[1].lower() in PHOTO_SUFFIXES and not name.startswith(".")


def count_images(folder: str | Path) -> int:
    """Number of images below a folder; those in linked folders count."""
    return sum(sum(map(is_image, names)) for _, _, names in os.walk(folder, followlinks=True))


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels as stored, from the header alone; an EXIF orientation is not applied.

    Raises:
        ValueError: The file is not an image; the message names it.
    """
    register_heif()
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise ValueError(f"{path} cannot be read as an image ({error}); replace it or take it out") from error


@cache
def register_heif() -> bool:
    """Teach Pillow HEIC, HEIF and AVIF; whether that could be done."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True
