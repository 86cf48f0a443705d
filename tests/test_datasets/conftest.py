# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Small data sets on disk."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope

from tests.helpers.tiny_data import write_image_folder


@pytest.fixture(autouse=True)
def _mmseg_scope():
    with DefaultScope.overwrite_default_scope("mmseg"):
        yield


@pytest.fixture
def write_split(tmp_path: Path) -> Callable[..., None]:
    """Writes a split of noise images, and masks whose upper half has the id given for the category."""

    def write(split: str, categories: Sequence[str], images: int = 2, ids: Sequence[int] = (), size=(12, 16)) -> None:
        def noise(category: int, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            labels = np.zeros(size, int)
            labels[: size[0] // 2] = ids[category] if ids else 0
            return rng.integers(0, 256, (*size, 3), dtype=np.uint8), labels

        write_image_folder(tmp_path, split, categories, images, noise, np.random.default_rng(0), masks=bool(ids))

    return write
