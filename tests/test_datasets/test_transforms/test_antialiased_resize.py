# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
from PIL import Image

from mmluss.datasets.transforms.antialiased_resize import resize_antialiased


@pytest.mark.parametrize("size", [(96, 96), (40, 31), (64, 128), (1, 1)])
@pytest.mark.parametrize(
    "window", [np.s_[:, :], np.s_[10:60, 20:150], np.s_[5:45, 5:50], np.s_[3:103, 3:53], np.s_[:1]]
)
def test_same_as_pillow(window, size):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)[window]
    ours = resize_antialiased(image, size)
    assert ours.dtype == np.uint8 and ours.flags["C_CONTIGUOUS"]
    reference = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    assert ours.shape == reference.shape
    assert np.abs(ours.astype(int) - reference.astype(int)).max() <= 1
