# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Small data sets on disk."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from PIL import Image


@pytest.fixture(autouse=True)
def _mmseg_scope():
    with DefaultScope.overwrite_default_scope("mmseg"):
        yield


@pytest.fixture
def write_split(tmp_path: Path) -> Callable[..., None]:
    """Writes a split of noise images, and masks whose upper half has the id given for the category."""

    def write(split: str, categories: Sequence[str], images: int = 2, ids: Sequence[int] = (), size=(12, 16)) -> None:
        rng = np.random.default_rng(0)
        for position, category in enumerate(categories):
            for index in range(images):
                path = tmp_path / split / category / f"image_{index}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
                if ids:
                    mask = np.zeros((*size, 3), np.uint8)
                    mask[: size[0] // 2] = (ids[position] % 256, ids[position] // 256, 0)
                    mask_path = tmp_path / f"{split}-segmentation" / category / f"image_{index}.png"
                    mask_path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(mask).save(mask_path)

    return write
