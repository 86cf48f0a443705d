# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmluss.datasets.photos import LoadPhoto, read_photo
from tests.helpers.messy_folder import BAD, GOOD, SIZE, gradient

COLORED = sorted(GOOD - {"alpha.png", "gray.bmp", "wide.png", "palette.png"})


@pytest.mark.parametrize("name", COLORED)
def test_photos_look_as_they_are_meant(messy_folder, name):
    photo = read_photo(messy_folder / name)
    assert photo.shape == (*SIZE[::-1], 3) and photo.dtype == np.uint8
    difference = np.abs(photo.astype(int) - gradient())
    assert difference.mean() < 25
    # Turned or mirrored, red would not fall from left to right and blue from top to bottom.
    assert photo[:, :8, 0].mean() > photo[:, -8:, 0].mean() + 120
    assert photo[:8, :, 2].mean() > photo[-8:, :, 2].mean() + 120


def test_transparent_is_white_and_gray_is_gray(messy_folder):
    alpha = read_photo(messy_folder / "alpha.png")
    assert (alpha[:, :8] == 255).all()
    np.testing.assert_array_equal(alpha[:, 8:], gradient()[:, 8:])
    gray = np.asarray(Image.fromarray(gradient()).convert("L"))
    np.testing.assert_array_equal(read_photo(messy_folder / "gray.bmp"), np.repeat(gray[..., None], 3, 2))


def test_twelve_bits_in_sixteen_are_stretched(messy_folder):
    photo = read_photo(messy_folder / "wide.png")
    assert photo.min() == 0 and photo.max() == 255
    gray = np.asarray(Image.fromarray(gradient()).convert("L")).astype(float)
    assert np.corrcoef(photo[..., 0].ravel(), gray.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("opaque", [True, False])
def test_colors_of_twelve_bits_in_sixteen_are_stretched(tmp_path, suffix, opaque):
    path = tmp_path / f"wide color.{suffix}"
    values = gradient().astype(np.uint16) * 16
    if not opaque:
        values = np.dstack([values, np.full(values.shape[:2], 65535, np.uint16)])
        values[:, :8, 3] = 0
    order = [2, 1, 0] if opaque else [2, 1, 0, 3]
    assert cv2.imwrite(str(path), values[..., order])
    photo = read_photo(path)
    start = 0 if opaque else 8
    expected = gradient()[:, start:].astype(int)
    low, high = gradient().min(), gradient().max()
    assert np.abs(photo[:, start:] - (expected - low) * (255 / (high - low))).max() <= 1
    assert (photo[:, :start] == 255).all()


def test_wide_colors_are_turned_upright(tmp_path):
    values = np.ascontiguousarray(np.rot90(gradient()).astype(np.uint16) * 16)
    content = bytearray(cv2.imencode(".png", values[..., ::-1])[1].tobytes())
    exif = Image.Exif()
    exif[0x0112] = 6
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    content[33:33] = chunk
    (tmp_path / "turned.png").write_bytes(content)
    photo = read_photo(tmp_path / "turned.png").astype(int)
    assert photo.shape == gradient().shape
    assert np.corrcoef(photo.ravel(), gradient().ravel())[0, 1] > 0.999


def test_photos_of_a_hundred_megapixels_count(tmp_path):
    Image.new("1", (12000, 9000), 1).save(tmp_path / "large.png")
    assert read_photo(tmp_path / "large.png").shape == (768, 1024, 3)


@pytest.mark.parametrize("name", sorted(set(BAD) - {"notes.txt"}))
def test_what_is_no_photo_is_an_error_with_name_and_reason(messy_folder, name):
    with pytest.raises(ValueError, match=BAD[name]) as error:
        read_photo(messy_folder / name)
    assert str(error.value).startswith(str(messy_folder / name))


@pytest.mark.parametrize(
    ("max_side", "size"), [(None, (900, 1600)), (1024, (576, 1024)), (160, (90, 160)), (4000, (900, 1600))]
)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_long_side_is_bounded(tmp_path, max_side, size, suffix):
    path = tmp_path / f"large.{suffix}"
    Image.fromarray(gradient(1600, 900)).save(path)
    photo = read_photo(path, max_side)
    assert photo.shape[:2] == size
    expected = np.asarray(Image.fromarray(gradient(1600, 900)).resize(size[::-1], Image.Resampling.BOX), int)
    assert np.abs(photo - expected).mean() < 3


def test_transform_gives_what_mmseg_expects(messy_folder):
    results = LoadPhoto(max_side=32)(dict(img_path=str(messy_folder / "upside.jpg")))
    assert results["img"].shape == (24, 32, 3) and results["img_shape"] == results["ori_shape"] == (24, 32)
    assert results["img"].flags.c_contiguous
    assert results["img"][:, :4, 2].mean() > results["img"][:, -4:, 2].mean() + 100
