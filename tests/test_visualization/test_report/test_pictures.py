# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmluss.visualization.report.pictures import bright_palette, outlined_photo

PALETTE = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]


def decode(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


@pytest.mark.parametrize(
    ("shape", "side", "expected"), [((200, 100), 50, (50, 25)), ((30, 40), 256, (30, 40)), ((1, 900), 90, (1, 90))]
)
def test_size(shape, side, expected):
    assert decode(outlined_photo(np.zeros((*shape, 3), np.uint8), None, PALETTE, side)).shape[:2] == expected


def test_outlines_have_the_colors_of_their_clusters_and_the_rest_is_dimmed():
    photo = np.full((100, 200, 3), 200, np.uint8)
    labels = np.zeros((100, 200), np.int64)
    labels[20:80, 20:80] = 1
    labels[20:80, 120:180] = 2
    labels[0:10] = 1000
    shown = decode(outlined_photo(photo, labels, PALETTE))
    assert shown[50, 20] @ [1, -1, 0] > 60 and shown[50, 120] @ [0, -1, 1] > 60
    np.testing.assert_allclose(shown[50, 50], 200, atol=12)
    np.testing.assert_allclose(shown[95, 100], 140, atol=12)


def test_photo_without_foreground_is_not_dimmed():
    photo = np.full((40, 40, 3), 200, np.uint8)
    np.testing.assert_allclose(decode(outlined_photo(photo, np.zeros((40, 40), int), PALETTE)), 200, atol=6)


def test_other_size_is_refused():
    with pytest.raises(ValueError, match=r"label map of \(4, 4\) does not fit a photo of \(5, 4\)"):
        outlined_photo(np.zeros((5, 4, 3), np.uint8), np.zeros((4, 4), int), PALETTE)


def test_neighbors_in_the_palette_differ():
    colors = np.array(bright_palette(60))
    assert colors.shape == (60, 3) and (colors[0] == 128).all()
    assert (np.abs(np.diff(colors[1:], axis=0)).sum(axis=1) > 100).all()
