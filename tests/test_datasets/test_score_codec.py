# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import doctest
import os
import struct
import zlib

import cv2
import numpy as np
import pytest

from mmluss.datasets import score_codec
from mmluss.datasets.score_codec import read_score_map, write_score_map


def test_example(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(score_codec) == (0, 2)
    assert os.listdir(tmp_path) == ["score.png"]


def test_scores_come_back_to_half_a_step(tmp_path) -> None:
    scores = np.random.default_rng(0).random((31, 17))
    write_score_map(tmp_path / "a" / "score.png", scores)
    found = read_score_map(tmp_path / "a" / "score.png")
    assert found.dtype == np.float32 and found.shape == (31, 17)
    assert np.abs(found - scores).max() <= 1 / 131070 + 1e-7


def test_eight_bits_are_read(tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "map.png"), np.array([[0, 51, 255]], np.uint8))
    np.testing.assert_allclose(read_score_map(tmp_path / "map.png"), [[0, 0.2, 1]], rtol=1e-6)


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_what_is_no_image_is_named(tmp_path, content: bytes) -> None:
    (tmp_path / "map.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"map\.png: unreadable score map"):
        read_score_map(tmp_path / "map.png")


def test_missing_and_colored_maps_are_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        read_score_map(tmp_path / "none.png")
    cv2.imwrite(str(tmp_path / "map.png"), np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(ValueError, match=r"wrong mode .* 4x5x3 uint8"):
        read_score_map(tmp_path / "map.png")


@pytest.mark.parametrize("scores", [np.full((2, 2), 1.01), np.full((2, 2), np.nan), np.zeros(4), np.zeros((0, 3))])
def test_what_are_no_scores_is_refused(tmp_path, scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"map\.png: scores are"):
        write_score_map(tmp_path / "map.png", scores)
    assert os.listdir(tmp_path) == []


def test_more_pixels_than_opencv_takes_are_named(tmp_path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 2**24, 2**24, 16, 0, 0, 0, 0)
    (tmp_path / "map.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b""))
    with pytest.raises(ValueError, match=r"map\.png: unreadable score map"):
        read_score_map(tmp_path / "map.png")
