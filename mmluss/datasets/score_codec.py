# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Foreground scores as images: gray PNG files of 16 or 8 bits, the largest value being score 1."""

from pathlib import Path

import cv2
import numpy as np

from mmluss.utils.atomic_files import replace_file

_LARGEST = 0xFFFF


def read_score_map(path: str | Path) -> np.ndarray:
    """Scores of a gray PNG.

    Args:
        path: A gray image file of 8 or 16 bits without loss, such as PNG.

    Returns:
        ``(H, W)`` float32 in 0..1.

    Raises:
        ValueError: Naming the file and the reason, where it cannot be read or is not gray.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: unreadable score map ({error.strerror or error})") from error
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    except cv2.error:
        # Of more pixels than OpenCV takes.
        image = None
    if image is None:
        raise ValueError(f"{path}: unreadable score map (no image, damaged or cut off)")
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        shape = "x".join(map(str, image.shape))
        raise ValueError(f"{path}: wrong mode (score maps are gray, 8 or 16 bits; this one is {shape} {image.dtype})")
    return image.astype(np.float32) / np.float32(255 if image.dtype == np.uint8 else _LARGEST)


def write_score_map(path: str | Path, scores: np.ndarray) -> None:
    """Write scores as a 16-bit gray PNG: whole or not at all.

    Args:
        path: The file to write; missing parent folders are made, an existing file is replaced.
        scores: ``(H, W)`` float in 0..1; read again, they differ by at most 1 / 131070.

    Raises:
        ValueError: Naming the file, for scores of another shape or out of range.

    Example:
        >>> write_score_map("score.png", np.array([[0.0, 0.25], [0.5, 1.0]]))
        >>> read_score_map("score.png").round(3).tolist()
        [[0.0, 0.25], [0.5, 1.0]]
    """
    if scores.ndim != 2 or scores.size == 0 or not 0 <= scores.min() <= scores.max() <= 1:
        raise ValueError(f"{path}: scores are a non-empty (H, W) array in 0..1, not {scores.shape} {scores.dtype}")
    values = np.round(scores.astype(np.float64) * _LARGEST).astype(np.uint16)
    content = cv2.imencode(".png", values)[1].tobytes()
    with replace_file(path, sync=False) as file:
        file.write(content)
