# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Small pictures of photos with the outlines of what was found in them."""

from collections.abc import Sequence

import cv2
import numpy as np

_QUALITY = 82


def outlined_photo(
    photo: np.ndarray, labels: np.ndarray | None, palette: Sequence[Sequence[int]], side: int = 256
) -> bytes:
    """JPEG of a photo, shrunk, each cluster in it outlined in its color and the background dimmed.

    Args:
        photo: ``(H, W, 3)`` uint8 RGB.
        labels: ``(H, W)`` ids, 0 = background, 1000 = uncertain; None for the photo alone.
        palette: RGB of each id 0..K.
        side: Longest side of the picture, pixels; a smaller photo keeps its size.

    Raises:
        ValueError: If photo and label map differ in size.
    """
    if labels is not None and labels.shape != photo.shape[:2]:
        raise ValueError(f"a label map of {labels.shape} does not fit a photo of {photo.shape[:2]}")
    scale = min(1.0, side / max(photo.shape[:2]))
    size = tuple(max(1, round(length * scale)) for length in photo.shape[1::-1])
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    if labels is not None:
        ids = cv2.resize(labels.astype(np.int32), size, interpolation=cv2.INTER_NEAREST)
        found = [int(id_) for id_ in np.unique(ids) if 0 < id_ < len(palette)]
        if found:
            small = np.where(np.isin(ids, found)[..., None], small, small // 2 + 40).astype(np.uint8)
        for id_ in found:
            outlines, _ = cv2.findContours((ids == id_).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(small, outlines, -1, (255, 255, 255), 3)
            cv2.drawContours(small, outlines, -1, tuple(map(int, palette[id_])), 2)
    done, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError(f"OpenCV cannot write a picture of {small.shape}")
    return data.tobytes()


def bright_palette(num: int) -> list[list[int]]:
    """Well-lit colors for ids 0..num-1, neighbors far apart in hue; 0 is gray.

    Args:
        num: Number of colors.

    Returns:
        ``num`` times [red, green, blue], each 0..255.
    """
    steps = np.arange(num)
    hue = (steps * 0.61803398875 % 1.0 * 180).astype(np.uint8)
    value = np.array([255, 220, 185], np.uint8)[steps // 5 % 3]
    saturation = np.array([190, 235, 150], np.uint8)[steps // 3 % 3]
    colors = cv2.cvtColor(np.stack([hue, saturation, value], axis=-1)[None], cv2.COLOR_HSV2RGB)[0]
    colors[:1] = 128
    return colors.tolist()
