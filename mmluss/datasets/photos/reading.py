# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Reads a photo as a person sees it: upright, in color, in eight bits, at a bounded size."""

import io
import os
import warnings
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image, PngImagePlugin, TiffImagePlugin

from mmluss.utils.image_files import register_heif

MAX_SIDE = 1024
"""Longest side in pixels of a photo in training, labels and pictures."""
MOST_PIXELS = 178_956_970
"""Pillow's limit for what may be an attack with a small file that unpacks to a huge image."""
LEAST_SIDE = 16
MOST_ELONGATED = 8
_ORIENTATION_TAG = 0x0112
_UPRIGHT_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BITS_PER_SAMPLE_TAG = 258
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "F")


def read_photo(path: str | Path, max_side: int | None = MAX_SIDE) -> np.ndarray:
    """Read a photo.

    An EXIF orientation is applied, transparent parts become white, palettes, gray, CMYK and 16-bit photos become RGB.
    Where a 16-bit photo uses a part of its range only, as 12-bit cameras do, that part is stretched, and so are the
    values of a floating-point TIFF. Of an animation the first frame counts. JPEGs are decoded at a smaller size where
    that suffices. EXIF data that cannot be read count as none.

    Args:
        path: A file of any format in ``PHOTO_SUFFIXES``.
        max_side: Longest side of the result in pixels; a larger photo is shrunk, a smaller one keeps its size. None
            for the size in the file.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        ValueError: If the file is no image, is damaged, or is too small, too large or too elongated to be a photo;
            the message names file and reason.
    """
    register_heif()
    try:
        with warnings.catch_warnings():
            # Pillow warns from half of the limit on, where cameras of 100 megapixels are; above the limit it raises.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", message="Corrupt EXIF")
            with Image.open(path) as image:
                _check_size(*image.size)
                if _has_wide_colors(image):
                    return _shrunk(_wide_colors(path, str(image.format), _orientation(image)), max_side)
                if max_side is not None:
                    image.draft("RGB", (max_side, max_side))
                # Some formats have their orientation at the end, and some are turned upright by being loaded.
                image.load()
                return _shrunk(_rgb(_upright(image, _orientation(image))), max_side)
    except Image.DecompressionBombError:
        raise ValueError(f"{path}: more than {MOST_PIXELS:,} pixels") from None
    # On damaged files decoders raise errors of any type.
    except Exception as error:
        raise ValueError(f"{path}: {_reason(path, error)}") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise ValueError(f"more than {MOST_PIXELS:,} pixels")
    if min(width, height) < LEAST_SIDE:
        raise ValueError(f"{width} x {height} pixels, less than {LEAST_SIDE} on one side")
    if max(width, height) > MOST_ELONGATED * min(width, height):
        raise ValueError(f"{width} x {height} pixels, one side more than {MOST_ELONGATED} times the other")


def _reason(path: str | Path, error: Exception) -> str:
    if os.path.islink(path) and not os.path.exists(path):
        return "a link that leads nowhere"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "may not be read"
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        return "an empty file"
    if "cannot identify image file" in str(error):
        return "not an image, or damaged"
    return " ".join(str(error).split()) or type(error).__name__


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    # As above; and a photo is worth more than its orientation.
    except Exception:
        return 1
    return int(orientation) if orientation in _UPRIGHT_BY else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image if orientation == 1 else image.transpose(_UPRIGHT_BY[orientation])


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode in _WIDE_MODES:
        return np.repeat(_eight_bits(np.asarray(image))[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


def _has_wide_colors(image: Image.Image) -> bool:
    """Whether a file holds colors of 16 bits, of which Pillow keeps the upper eight only or which it refuses."""
    if isinstance(image, PngImagePlugin.PngImageFile):
        # Pillow names the mode in the file in its tiles: "RGB;16B" or "RGBA;16B".
        return any(";16" in str(tile[3]) for tile in image.tile) and image.mode in ("RGB", "RGBA")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2.get(_BITS_PER_SAMPLE_TAG, (8,))
        return image.mode in ("RGB", "RGBA", "RGBX") and max(bits) == 16
    return False


def _wide_colors(path: str | Path, form: str, orientation: int) -> np.ndarray:
    decoded = _decoded(np.fromfile(path, np.uint8))
    image = _eight_bits(decoded[..., 2::-1])
    if decoded.shape[2] == 4:
        opacity = decoded[..., 3:].astype(np.float32) / np.float32(65535)
        on_white = np.float32(255) + (image.astype(np.float32) - np.float32(255)) * opacity
        image = np.rint(on_white).astype(np.uint8)
    if _is_turned_by_opencv(form, orientation):
        return image
    return np.asarray(_upright(Image.fromarray(image), orientation))


def _decoded(content: np.ndarray) -> np.ndarray:
    try:
        decoded = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise ValueError("damaged, or colors of 16 bits in a form that cannot be read")
    return decoded


@cache
def _is_turned_by_opencv(form: str, orientation: int) -> bool:
    """Whether OpenCV applies an orientation to what it decodes unchanged: to TIFFs it does, which no flag prevents."""
    stored = np.arange(6, dtype=np.uint16).reshape(2, 3)
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    file = io.BytesIO()
    Image.fromarray(stored).save(file, form, exif=exif)
    return not np.array_equal(_decoded(np.frombuffer(file.getvalue(), np.uint8)), stored)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    is_float = values.dtype.kind == "f"
    numbers = values[np.isfinite(values)] if is_float else values
    if not numbers.size:
        raise ValueError("no pixel holds a number")
    low, high = float(numbers.min()), float(numbers.max())
    if is_float:
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    # 8-bit values in a file of wider integers stay as they are; everything else is stretched to what it uses.
    elif low >= 0 and high <= 255:
        return values.astype(np.uint8)
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1e-30))
    return np.clip(scaled, 0, 255).astype(np.uint8)


def _shrunk(image: np.ndarray, max_side: int | None) -> np.ndarray:
    height, width = image.shape[:2]
    if max_side is None or max(height, width) <= max_side:
        return image
    scale = max_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


@TRANSFORMS.register_module()
class LoadPhoto(BaseTransform):
    """Load a photo with ``read_photo``, in place of ``LoadImageFromFile``.

    Required key: ``img_path``. Added keys: ``img`` (``(H, W, 3)`` uint8 BGR), ``img_shape``, ``ori_shape`` (both of the
    photo as loaded: labels have this size).

    Args:
        max_side: As for ``read_photo``.
    """

    def __init__(self, max_side: int | None = MAX_SIDE) -> None:
        self.max_side = max_side

    def transform(self, results: dict) -> dict:
        """Load one photo."""
        image = np.ascontiguousarray(read_photo(results["img_path"], self.max_side)[..., ::-1])
        results.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return results
