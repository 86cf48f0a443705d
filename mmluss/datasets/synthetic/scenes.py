# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Scenes of the mini data set: one patterned object before a blurred photo, with its exact mask."""

import colorsys
import functools
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.datasets.synthetic.objects import OBJECTS, Pattern

# Real photos that two installed packages carry inside their wheels.
PHOTOS = {
    "skimage": (
        "data/astronaut.png",
        "data/chelsea.png",
        "data/coffee.png",
        "data/motorcycle_left.png",
        "data/motorcycle_right.png",
        "data/rocket.jpg",
    ),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
}
SIZES = ((192, 192), (192, 224), (192, 256), (224, 192), (256, 192))
CATEGORIES = tuple(sorted(OBJECTS))

_SUPERSAMPLING = 2
_AREA_SHARE = (0.14, 0.46)


def render_scene(category: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene.

    Size, place, pose, colors, lighting and background are drawn independently of the category, so only outline and
    pattern name it.

    Args:
        category: Id 1..len(CATEGORIES).
        rng: Source of all randomness: the same state draws the same scene.

    Returns:
        The image, ``(H, W, 3)`` uint8 BGR, and its ids, ``(H, W)`` uint16: 0 = background, the category's id where the
        object covers a pixel wholly, 1000 = ignored where it covers a pixel in part.
    """
    outline, pattern = OBJECTS[CATEGORIES[category - 1]]
    height, width = SIZES[rng.integers(len(SIZES))]
    image = _background(height, width, rng)
    pose, center = _place(outline, height, width, rng)
    coverage = polygon_coverage(outline @ pose.T + center, height, width)
    left, top, box_width, box_height = cv2.boundingRect((coverage > 0).astype(np.uint8))
    box = np.s_[top : top + box_height, left : left + box_width]
    surface = _surface(pattern, pose, center - (left, top), box_height, box_width, rng)
    image[box] += coverage[box][..., None] * (surface - image[box])
    image += rng.uniform(1, 5) * rng.standard_normal(image.shape, dtype=np.float32)
    ids = np.zeros((height, width), np.uint16)
    ids[coverage > 0] = IGNORE_INDEX
    ids[coverage >= 1] = category
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), ids


def polygon_coverage(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """Share of each pixel that a polygon covers, to 1/16.

    Args:
        corners: ``(N, 2)`` x and y in pixels; pixel (row 0, column 0) reaches from (0, 0) to (1, 1).
        height: Of the image.
        width: Of the image.

    Returns:
        ``(height, width)`` float32: 0 = nothing, 1 = all of it.
    """
    factor, shift = 4, 4
    fine = np.zeros((height * factor, width * factor), np.uint8)
    fine_corners = (corners * factor - 0.5) * (1 << shift)
    cv2.fillPoly(fine, [np.rint(fine_corners).astype(np.int32)], 255, shift=shift)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)


@functools.cache
def load_photos() -> tuple[np.ndarray, ...]:
    """The background photos, ``(H, W, 3)`` uint8 BGR each.

    Raises:
        FileNotFoundError: If a package that carries them is not installed or does not hold a photo.
    """
    photos = []
    for package, names in PHOTOS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise FileNotFoundError(
                f"package {package} not found: its photos are the backgrounds; pip install scikit-image scikit-learn"
            )
        for name in names:
            path = Path(spec.origin).parent / name
            photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if photo is None:
                raise FileNotFoundError(f"photo {path} is missing or unreadable; reinstall {package}")
            photos.append(photo)
    return tuple(photos)


def _background(height: int, width: int, rng: Generator) -> np.ndarray:
    """A random part of a random photo, blurred and tinted: ``(height, width, 3)`` float32, 0..255."""
    photos = load_photos()
    photo = photos[rng.integers(len(photos))]
    scale = rng.uniform(0.35, 0.9) * min(photo.shape[0] / height, photo.shape[1] / width)
    part_h, part_w = int(height * scale), int(width * scale)
    top = rng.integers(photo.shape[0] - part_h + 1)
    left = rng.integers(photo.shape[1] - part_w + 1)
    part = cv2.resize(photo[top : top + part_h, left : left + part_w], (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    part = part[..., rng.permutation(3)].astype(np.float32)
    part = cv2.GaussianBlur(part, (0, 0), rng.uniform(4, 8))
    gray = part.mean(axis=2, keepdims=True)
    part = gray + rng.uniform(0.2, 1) * (part - gray)
    tint = 255 * _color(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.3, 1))
    return part + rng.uniform(0.15, 0.5) * (tint - part)


def _place(outline: np.ndarray, height: int, width: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pose, ``(2, 2)`` object to pixels, and center, ``(2,)`` x and y in pixels, that keep the object in the image."""
    angle, stretch, shear = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.25), rng.uniform(-0.15, 0.15)
    cos, sin = np.cos(angle), np.sin(angle)
    pose = np.array([[stretch, shear], [0, 1 / stretch]]) @ np.array([[cos, -sin], [sin, cos]])
    x, y = outline.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    pose *= np.sqrt(rng.uniform(*_AREA_SHARE) * height * width / area)
    corners = outline @ pose.T
    frame = np.array([width, height]) - 4
    pose *= min(1, (frame / np.ptp(corners, axis=0)).min())
    corners = outline @ pose.T
    room = np.maximum(frame - np.ptp(corners, axis=0), 0)
    return pose, 2 - corners.min(0) + rng.random(2) * room


def _surface(
    pattern: Pattern, pose: np.ndarray, center: np.ndarray, height: int, width: int, rng: Generator
) -> np.ndarray:
    """The pattern in two random colors under a random light, ``(height, width, 3)`` float32, 0..255 times the light.

    ``center`` is the object's center in pixels of this canvas.
    """
    columns = (np.arange(width * _SUPERSAMPLING, dtype=np.float32) + 0.5) / _SUPERSAMPLING - np.float32(center[0])
    rows = (np.arange(height * _SUPERSAMPLING, dtype=np.float32) + 0.5) / _SUPERSAMPLING - np.float32(center[1])
    (xx, xy), (yx, yy) = np.linalg.inv(pose).astype(np.float32)
    share = pattern(xx * columns + xy * rows[:, None], yx * columns + yy * rows[:, None], rng)
    share = cv2.resize(share.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)[..., None]
    dark = _color(rng.random(), rng.uniform(0.2, 1), rng.uniform(0.1, 0.45))
    bright = _color(rng.random(), rng.uniform(0.1, 0.7), rng.uniform(0.8, 1))
    first, second = (dark, bright) if rng.random() < 0.5 else (bright, dark)
    light = rng.normal(0, 0.35, 2).astype(np.float32) / max(height, width)
    shade = 1 + light[0] * columns[::_SUPERSAMPLING] + light[1] * rows[::_SUPERSAMPLING, None]
    return 255 * shade[..., None] * (first + share * (second - first))


def _color(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), dtype=np.float32)
