# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Transforms that read label maps and saliency maps, and what makes such a file wrong."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmluss.datasets.label_codec import IGNORE_INDEX, read_label_map
from mmluss.utils.listings import shorten


def size_problem(shape: tuple[int, ...], image_shape: tuple[int, ...]) -> str | None:
    """What is wrong with the size of a map that belongs to an image.

    Args:
        shape: ``(H, W, ...)`` of the map.
        image_shape: ``(H, W, ...)`` of the image.

    Returns:
        A phrase, or None where the sizes agree.
    """
    (height, width), (image_height, image_width) = shape[:2], image_shape[:2]
    if (height, width) == (image_height, image_width):
        return None
    problem = f"wrong size ({width} x {height} pixels, the image is {image_width} x {image_height}"
    if (height, width) == (image_width, image_height):
        problem += "; if its EXIF tag turned it, load it with color_type='color_ignore_orientation'"
    return f"{problem})"


def id_problem(ids: np.ndarray, max_id: int | None) -> str | None:
    """What is wrong with the ids of a label map.

    Args:
        ids: ``(H, W)`` uint16.
        max_id: Ids are 0..max_id and 1000; None where it is not known.

    Returns:
        A phrase, or None where all ids are in range.
    """
    # The largest id settles most maps without looking at the others.
    if max_id is None or ids.max() <= max_id:
        return None
    present = np.unique(ids)
    strays = present[(present > max_id) & (present != IGNORE_INDEX)]
    if strays.size == 0:
        return None
    return f"id out of range ({shorten(strays.tolist())}; ids are 0..{max_id} and {IGNORE_INDEX})"


def read_stored_image(path: str) -> np.ndarray:
    """Pixels of an image as its label map and ImageNet-S configs have them: an EXIF orientation is not applied.

    Args:
        path: An image file.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        ValueError: Naming the file and the reason, where it cannot be read.
    """
    image = _read(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, "image")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_image_size(path: str) -> tuple[int, int]:
    """Size of an image, which is decoded as a whole to see whether it can be.

    Args:
        path: An image file.

    Returns:
        ``(H, W)`` of the pixels as stored: an EXIF orientation is not applied.

    Raises:
        ValueError: Naming the file and the reason, where it cannot be read.
    """
    return read_stored_image(path).shape[:2]


def read_saliency_map(path: str) -> np.ndarray:
    """Gray image of a saliency map.

    Args:
        path: An 8-bit gray image file, 255 = salient.

    Returns:
        ``(H, W)`` uint8.

    Raises:
        ValueError: Naming the file and the reason, where it cannot be read or is not an 8-bit gray image.
    """
    saliency = _read(path, cv2.IMREAD_UNCHANGED, "saliency map")
    if saliency.ndim != 2 or saliency.dtype != np.uint8:
        raise ValueError(
            f"{path}: wrong mode (saliency maps are 8-bit gray images, this one has shape {saliency.shape} and type "
            f"{saliency.dtype})"
        )
    return saliency


@TRANSFORMS.register_module()
class LoadImageNetSAnnotations(BaseTransform):
    """Read the RGB-coded label map of an image as ids of 16 bits.

    mmseg's ``LoadAnnotations`` casts to 8 bits and takes the channels as they are. Without ``seg_map_path`` the
    sample passes through, so that mmseg's inference runs the same pipeline on images alone. A map has the size of
    the image in its file (``ori_shape``): put this before geometric transforms that are to move the labels too, after
    them where the labels stay as they are (testing).

    Required keys: ``ori_shape``, ``seg_map_path`` (optional), ``max_id`` (optional).
    Added keys: ``gt_seg_map`` (``(H, W)`` uint16), also named in ``seg_fields``.

    Raises:
        ValueError: Naming the file, where it is unreadable, not RGB, of another size than the image, or holds an id
            out of range.
    """

    def transform(self, results: dict) -> dict:
        """Add the label map to a sample."""
        path = results.get("seg_map_path")
        if path is None:
            return results
        ids = read_label_map(path)
        problem = size_problem(ids.shape, results["ori_shape"]) or id_problem(ids, results.get("max_id"))
        if problem is not None:
            raise ValueError(f"{path}: {problem}")
        results["gt_seg_map"] = ids
        results.setdefault("seg_fields", []).append("gt_seg_map")
        return results


@TRANSFORMS.register_module()
class LoadSaliencyMap(BaseTransform):
    """Read the gray saliency map of an image, which keeps its original size.

    ``PackSegInputs`` carries it to the data sample's meta information if its ``meta_keys`` name it. Without
    ``saliency_path`` the sample passes through.

    Required keys: ``ori_shape``, ``saliency_path`` (optional).
    Added key: ``saliency`` (``(H, W)`` uint8, 255 = salient).

    Raises:
        ValueError: Naming the file, where it is unreadable, not gray, or of another size than the image.
    """

    def transform(self, results: dict) -> dict:
        """Add the saliency map to a sample."""
        path = results.get("saliency_path")
        if path is None:
            return results
        saliency = read_saliency_map(path)
        problem = size_problem(saliency.shape, results["ori_shape"])
        if problem is not None:
            raise ValueError(f"{path}: {problem}")
        results["saliency"] = saliency
        return results


def _read(path: str, flags: int, what: str) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            content = file.read()
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except (OSError, cv2.error) as error:
        raise ValueError(f"{path}: unreadable {what} ({getattr(error, 'strerror', None) or error})") from error
    if image is None:
        reason = "damaged, cut off or no image" if content else "empty file"
        raise ValueError(f"{path}: unreadable {what} ({reason})")
    return image
