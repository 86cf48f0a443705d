# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Boundaries of label regions, for all labels at once."""

import math
from collections.abc import Callable
from operator import or_
from typing import TypeVar

import numpy as np
import torch

Map = TypeVar("Map", np.ndarray, torch.Tensor)


def boundary_width(height: int, width: int) -> int:
    """Width in pixels of the boundaries of an image: 3 % of its diagonal, at least 1."""
    return max(1, round(0.03 * math.hypot(height, width)))


def window_reduce(values: Map, size: int, combine: Callable[[Map, Map], Map]) -> Map:
    """Combine the values of every square window that lies inside a map.

    Takes about 2 log2(size) operations on the whole map, by doubling windows.

    Args:
        values: (H, W), H and W at least ``size``; an array or a tensor.
        size: Side of the windows.
        combine: Of two maps the combination pixel by pixel; associative, and of a value with itself that value, such as
            a maximum.

    Returns:
        (H - size + 1, W - size + 1), entry (y, x) for the window that begins there.
    """
    for axis in (0, 1):
        covered = 1
        while covered < size:
            step = min(covered, size - covered)
            parts = (values[step:], values[:-step]) if axis == 0 else (values[:, step:], values[:, :-step])
            values = combine(*parts)
            covered += step
    return values


def boundary_bits(maps: tuple[Map, ...], width: int) -> Map:
    """Boundary pixels of several label maps of one image: those that ``width`` erosions by a 3x3 square remove.

    A pixel is inside its region if the ``(2 width + 1)``-square around it lies in the image and holds one label, that
    is, if every 2x2 block of that square holds one label.

    Args:
        maps: At most 8 label maps (H, W) of any integer dtype; arrays, or tensors on one device.
        width: Number of erosions, at least 1.

    Returns:
        (H, W) uint8, of the same kind; bit i is set where a pixel lies on a boundary of map i.
    """
    height, length = maps[0].shape
    everywhere = (1 << len(maps)) - 1
    if isinstance(maps[0], torch.Tensor):
        bits = torch.full((height, length), everywhere, dtype=torch.uint8, device=maps[0].device)
    else:
        bits = np.full((height, length), everywhere, np.uint8)
    if min(height, length) <= 2 * width:
        return bits
    mixed = 0
    for index, labels in enumerate(maps):
        beside = labels[:, 1:] != labels[:, :-1]
        flags = beside[1:] | beside[:-1] | (labels[1:, 1:] != labels[:-1, 1:])
        flags = flags.to(torch.uint8) if isinstance(flags, torch.Tensor) else flags.view(np.uint8)
        mixed = mixed | flags * (1 << index)
    bits[width : height - width, width : length - width] = window_reduce(mixed, 2 * width, or_)
    return bits


def boundary_mask(labels: Map, width: int) -> Map:
    """Boundary pixels of one label map, (H, W) bool; as ``boundary_bits``."""
    return boundary_bits((labels,), width) == 1


def frame_mask(shape: tuple[int, int], width: int) -> np.ndarray:
    """Pixels less than ``width`` + 1 steps from the outside of an image.

    Args:
        shape: Height and width of the image.
        width: Width of the frame in pixels.

    Returns:
        (H, W) bool.
    """
    mask = np.ones(shape, bool)
    mask[width : shape[0] - width, width : shape[1] - width] = False
    return mask
