# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The one writer of small data sets in the layout of ImageNet-S."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmluss.datasets.label_codec import write_label_map

Draw = Callable[[int, int, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def write_image_folder(
    root: Path,
    split: str,
    categories: Sequence[str],
    images: int,
    draw: Draw,
    rng: np.random.Generator,
    masks: bool = False,
    name: str = "image_{index}.JPEG",
) -> None:
    """Write a split: ``images`` of each category, and their masks if wanted.

    Args:
        root: Folder of the data set.
        split: Name of the split.
        categories: Names of the category folders.
        images: Images of each category.
        draw: Gives image (H, W, 3) uint8 BGR and ids (H, W) from the position of a category and the index of an image.
        rng: Handed to ``draw``.
        masks: Whether to write ids, to ``SPLIT-segmentation``.
        name: File name of an image, with ``{category}`` and ``{index}``.
    """
    for position, category in enumerate(categories):
        (root / split / category).mkdir(parents=True, exist_ok=True)
        for index in range(images):
            image, ids = draw(position, index, rng)
            path = root / split / category / name.format(category=category, index=index)
            cv2.imwrite(str(path), image)
            if masks:
                write_label_map(root / f"{split}-segmentation" / category / f"{path.stem}.png", ids)
