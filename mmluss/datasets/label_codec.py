# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Label maps as images: id = R + 256 * G in 8-bit RGB PNG files. Nothing else in the package knows of this coding."""

from pathlib import Path

import cv2
import numpy as np

from mmluss.utils.atomic_files import replace_file

IGNORE_INDEX = 1000
"""Id of the pixels that take no part in training and scores."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLOR_TYPES = {0: "gray", 2: "RGB", 3: "palette", 4: "gray with alpha", 6: "RGB with alpha"}
# Written several times faster than with the default of image libraries, and read in two thirds of the time that
# run-length deflate takes; label maps still shrink 50-fold.
_PNG_PARAMETERS = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED]


def decode_ids(rgb: np.ndarray) -> np.ndarray:
    """Ids of an RGB-coded label image.

    Args:
        rgb: ``(H, W, 3)`` uint8; the third channel is not read.

    Returns:
        ``(H, W)`` uint16 ids, R + 256 * G.

    Raises:
        ValueError: For another shape or type.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"an RGB-coded label image is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
    return _ids_from_channels(np.ascontiguousarray(rgb), red=0, green=1)


def encode_ids(ids: np.ndarray) -> np.ndarray:
    """RGB image that carries ids.

    Args:
        ids: ``(H, W)`` integers in 0..65535.

    Returns:
        ``(H, W, 3)`` uint8, channels (id mod 256, id div 256, 0).

    Raises:
        ValueError: For another shape or type, or an id that does not fit in 16 bits.
    """
    return _channels_from_ids(ids, red=0, green=1, blue=2)


def read_label_map(path: str | Path) -> np.ndarray:
    """Ids of a label PNG.

    Args:
        path: An 8-bit RGB PNG file.

    Returns:
        ``(H, W)`` uint16 ids.

    Raises:
        ValueError: Naming the file and the reason, where it cannot be read or is not an 8-bit RGB PNG.

    Example:
        >>> write_label_map("map.png", np.array([[300, 1000]]))
        >>> read_label_map("map.png").tolist()
        [[300, 1000]]
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: unreadable label map ({error.strerror or error})") from error
    # Decoders turn palette and gray files into three channels silently, so the mode is read from the file's header.
    if len(content) < 26 or not content.startswith(_PNG_SIGNATURE):
        raise ValueError(f"{path}: unreadable label map (not a PNG file)")
    depth, color_type = content[24], content[25]
    if (depth, color_type) != (8, 2):
        mode = _PNG_COLOR_TYPES.get(color_type, f"color type {color_type}")
        raise ValueError(f"{path}: wrong mode (label maps are 8-bit RGB PNGs, this one is {depth}-bit {mode})")
    try:
        bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(f"{path}: unreadable label map ({error})") from error
    if bgr is None or bgr.shape[2:] != (3,):
        raise ValueError(f"{path}: unreadable label map (damaged or cut off)")
    return _ids_from_channels(bgr, red=2, green=1)


def write_label_map(path: str | Path, ids: np.ndarray) -> None:
    """Write ids as a label PNG: whole or not at all.

    Args:
        path: The file to write; missing parent folders are made, an existing file is replaced.
        ids: ``(H, W)`` integers in 0..65535.

    Raises:
        ValueError: Naming the file, for ids of another shape or type, or out of range.

    Example:
        >>> write_label_map("map.png", np.array([[0, 919], [1000, 1]], np.uint16))
        >>> read_label_map("map.png")
        array([[   0,  919],
               [1000,    1]], dtype=uint16)
    """
    path = Path(path)
    try:
        bgr = _channels_from_ids(ids, red=2, green=1, blue=0)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    content = cv2.imencode(".png", bgr, _PNG_PARAMETERS)[1].tobytes()
    with replace_file(path, sync=False) as file:
        file.write(content)


def _ids_from_channels(image: np.ndarray, red: int, green: int) -> np.ndarray:
    pairs = np.empty((*image.shape[:2], 2), np.uint8)
    cv2.mixChannels([image], [pairs], [red, 0, green, 1])
    return pairs.view("<u2")[..., 0].astype(np.uint16, copy=False)


def _channels_from_ids(ids: np.ndarray, red: int, green: int, blue: int) -> np.ndarray:
    if ids.ndim != 2 or ids.size == 0 or ids.dtype.kind not in "ui":
        raise ValueError(f"ids are a non-empty (H, W) integer array, not {ids.shape} {ids.dtype}")
    if ids.dtype not in (np.uint8, np.uint16) and (ids.min() < 0 or ids.max() > 0xFFFF):
        raise ValueError(f"ids lie in 0..65535, these in {ids.min()}..{ids.max()}")
    pairs = np.ascontiguousarray(ids, dtype="<u2").view(np.uint8).reshape(*ids.shape, 2)
    image = np.empty((*ids.shape, 3), np.uint8)
    cv2.mixChannels([pairs], [image], [0, red, 1, green, -1, blue])
    return image
