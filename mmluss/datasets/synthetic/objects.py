# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Outlines and surface patterns of the mini data set's objects, in coordinates of the object.

An object lives in the unit disc: x to the right, y downwards, 1 = its largest reach from the center. Outlines are
polygons; patterns say for each point how much of the second of two colors shows there, 0..1 in the shape of the
coordinates.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

Pattern = Callable[[np.ndarray, np.ndarray, Generator], np.ndarray]


def regular_polygon(corners: int) -> np.ndarray:
    """Regular polygon with one corner at the top, ``(corners, 2)`` float64."""
    angle = 2 * np.pi * np.arange(corners) / corners - np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def star() -> np.ndarray:
    """Five-pointed star with stout arms, ``(10, 2)`` float64."""
    return regular_polygon(10) * np.where(np.arange(10) % 2, 0.58, 1.0)[:, None]


def cross() -> np.ndarray:
    """Plus sign with broad arms, ``(12, 2)`` float64."""
    arm = 0.42
    quarter = np.array([[arm, -1.0], [arm, -arm], [1.0, -arm]])
    turns = [np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turn) for turn in range(4)]
    return _fit(np.concatenate([quarter @ turn for turn in turns]))


def heart() -> np.ndarray:
    """Heart with its tip at the bottom, ``(64, 2)`` float64."""
    t = 2 * np.pi * np.arange(64) / 64
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return _fit(np.stack([x, -y], axis=1))


def drop() -> np.ndarray:
    """Drop: a disc drawn out to a tip at the top, ``(64, 2)`` float64."""
    t = 2 * np.pi * np.arange(64) / 64
    return _fit(np.stack([np.sin(t) * np.sin(t / 2) ** 1.2 * 1.25, -np.cos(t)], axis=1))


def gear() -> np.ndarray:
    """Disc with nine blunt teeth, ``(144, 2)`` float64."""
    t = 2 * np.pi * np.arange(144) / 144
    radius = 0.9 + 0.1 * np.tanh(4 * np.cos(9 * t))
    return np.stack([np.cos(t), np.sin(t)], axis=1) * radius[:, None]


def stripes(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Straight parallel stripes."""
    return _step(np.sin(rng.uniform(11, 15) * y + rng.uniform(0, 6)))


def dots(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Round dots on a triangular lattice."""
    pitch = rng.uniform(0.36, 0.46)
    row = np.round(y / (pitch * 0.866))
    shift = 0.5 * (row % 2)
    distance = np.hypot(x - (np.round(x / pitch - shift) + shift) * pitch, y - row * pitch * 0.866)
    return _step((0.31 * pitch - distance) * 8 / pitch)


def checks(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Chessboard."""
    frequency = rng.uniform(8, 11)
    return _step(2 * np.sin(frequency * x + rng.uniform(0, 6)) * np.sin(frequency * y + rng.uniform(0, 6)))


def rings(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Concentric rings around the middle."""
    return _step(np.sin(rng.uniform(15, 20) * np.hypot(x, y) + rng.uniform(0, 6)))


def bricks(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Masonry: courses of bricks, each shifted by half a brick, with bright joints."""
    height = rng.uniform(0.2, 0.26)
    course = np.floor(y / height)
    across = np.abs((x / (2.2 * height) + 0.5 * (course % 2)) % 1 - 0.5) * 2.2 * height
    along = np.abs(y / height - course - 0.5) * height
    joint = 0.09 * height
    return _step(6 * np.maximum(across - 1.1 * height + joint, along - 0.5 * height + joint) / joint)


def rays(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Sectors that run out from the middle."""
    return _step(1.5 * np.sin(int(rng.integers(8, 11)) * np.arctan2(y, x) + rng.uniform(0, 6)))


def scales(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Overlapping fish scales with bright rims."""
    pitch = rng.uniform(0.34, 0.42)
    nearest = np.full(x.shape, np.inf)
    for lower in (1, 0):
        row = np.floor(y / (0.5 * pitch)) + lower
        shift = 0.5 * (row % 2)
        center = (np.floor(x / pitch - shift) + 0.5 + shift) * pitch
        radius = np.hypot(x - center, y - (row - 1) * 0.5 * pitch) / (0.56 * pitch)
        nearest = np.where(radius <= 1, radius, nearest)
    return _step(12 * (np.minimum(nearest, 1) - 0.78))


def zigzags(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Parallel zigzag bands."""
    wave = np.abs((x * rng.uniform(1.5, 2.0)) % 1 - 0.5)
    return _step(np.sin(rng.uniform(13, 17) * (y + 0.6 * wave) + rng.uniform(0, 6)))


def blotches(x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray:
    """Irregular spots, like a cow's."""
    field = np.zeros(x.shape)
    for _ in range(14):
        angle, frequency = rng.uniform(0, 2 * np.pi), rng.uniform(4, 9)
        field += np.sin(frequency * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6))
    return _step(field)


def _fit(polygon: np.ndarray) -> np.ndarray:
    """Center a polygon's bounding box on the origin and scale its largest reach to 1."""
    polygon = polygon - (polygon.min(0) + polygon.max(0)) / 2
    return polygon / np.linalg.norm(polygon, axis=1).max()


def _step(value: np.ndarray) -> np.ndarray:
    """Soft step from 0 (value < 0) to 1 (value > 0), 0.5 at 0."""
    return np.clip(0.5 + 3 * value, 0, 1)


# Category (readable folder name) -> its outline and its pattern.
OBJECTS: dict[str, tuple[np.ndarray, Pattern]] = {
    "blotchy_drop": (drop(), blotches),
    "brick_triangle": (regular_polygon(3), bricks),
    "checkered_square": (regular_polygon(4), checks),
    "dotted_heart": (heart(), dots),
    "radiant_gear": (gear(), rays),
    "ringed_disc": (regular_polygon(90), rings),
    "scaly_hexagon": (regular_polygon(6), scales),
    "striped_star": (star(), stripes),
    "zigzag_cross": (cross(), zigzags),
}
