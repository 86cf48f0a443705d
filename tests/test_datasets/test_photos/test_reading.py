# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from mmluss.datasets.photos import LoadPhoto, read_photo, reading
from mmluss.utils.image_files import register_heif
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


def exif(orientation: int, **fields: object) -> bytes:
    made = Image.Exif()
    made[0x0112] = orientation
    made.update({int(tag, 16): value for tag, value in fields.items()})
    return made.tobytes()


def write_wide_png(path, values: np.ndarray, orientation: int) -> None:
    content = bytearray(cv2.imencode(".png", values[..., ::-1])[1].tobytes())
    body = b"eXIf" + exif(orientation).removeprefix(b"Exif\0\0")
    content[33:33] = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(content)


def write_wide_tiff(path, values: np.ndarray, orientation: int) -> None:
    tifffile.imwrite(path, values, photometric="rgb", extratags=[(0x0112, "H", 1, orientation, True)])


@pytest.fixture(params=["as it is", "turning all photos"])
def opencv(request, monkeypatch):
    """OpenCV, and one that turns photos where the installed one does not."""
    decode = cv2.imdecode
    if request.param != "as it is":
        flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
        monkeypatch.setattr(reading.cv2, "imdecode", lambda content, _: decode(content, flags))
    reading._is_turned_by_opencv.cache_clear()
    yield
    reading._is_turned_by_opencv.cache_clear()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "write"), [("png", write_wide_png), ("tif", write_wide_tiff)])
def test_wide_colors_are_turned_as_those_of_eight_bits(tmp_path, opencv, suffix, write, orientation):
    Image.fromarray(gradient()).save(tmp_path / f"narrow.{suffix}", exif=exif(orientation))
    write(tmp_path / f"wide.{suffix}", gradient().astype(np.uint16) * 257, orientation)
    photo, expected = (read_photo(tmp_path / f"{name}.{suffix}").astype(int) for name in ("wide", "narrow"))
    assert photo.shape == expected.shape and photo.shape[0] == (64 if orientation > 4 else 48)
    assert np.abs(photo - expected).max() <= 1
    assert (orientation == 1) == np.array_equal(expected, gradient())


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 5), (0, 255), (20, 2000)])
def test_floats_are_stretched(tmp_path, low, high):
    shares = np.linspace(0, 1, 48 * 64).reshape(48, 64)
    values = (low + shares * (high - low)).astype(np.float32)
    values[0, 1:4] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / "float.tif")
    photo = read_photo(tmp_path / "float.tif").astype(int)
    assert photo[0, 1:4, 0].tolist() == [0, 255, 0]
    assert np.abs(photo - shares[..., None] * 255)[1:].max() <= 1


def test_eight_bits_in_wide_integers_stay(tmp_path):
    values = np.tile(np.arange(10, 58, dtype=np.uint16)[:, None], (1, 64))
    Image.fromarray(values).save(tmp_path / "wide.tif")
    np.testing.assert_array_equal(read_photo(tmp_path / "wide.tif"), np.repeat(values[..., None], 3, axis=2))


def test_no_numbers_at_all_are_an_error(tmp_path):
    Image.fromarray(np.full((48, 64), np.nan, np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match=r"float\.tif: no pixel holds a number"):
        read_photo(tmp_path / "float.tif")


def test_photos_of_a_hundred_megapixels_count(tmp_path):
    Image.new("1", (12000, 9000), 1).save(tmp_path / "large.png")
    assert read_photo(tmp_path / "large.png").shape == (768, 1024, 3)


@pytest.mark.parametrize("name", sorted(set(BAD) - {"notes.txt"}))
def test_what_is_no_photo_is_an_error_with_name_and_reason(messy_folder, name):
    with pytest.raises(ValueError, match=BAD[name]) as error:
        read_photo(messy_folder / name)
    assert str(error.value).startswith(str(messy_folder / name))


def test_names_that_cannot_be_are_errors_with_the_name(tmp_path):
    for name in ("x" * 300 + ".jpg", "a\0b.jpg"):
        with pytest.raises(ValueError) as error:
            read_photo(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "heic", "avif"])
def test_odd_exif_data_cost_nothing_but_the_orientation(tmp_path, suffix):
    register_heif()
    path, content = tmp_path / f"odd.{suffix}", exif(6, **{"0x10f": "Maker", "0x11a": 72.0})
    for position in range(6, len(content)):
        odd = bytearray(content)
        odd[position] = 200
        try:
            Image.fromarray(gradient()).save(path, exif=bytes(odd))
        except (SyntaxError, OSError, struct.error):
            continue
        assert read_photo(path).shape in ((48, 64, 3), (64, 48, 3))


def whole_file(name: str) -> bytes:
    """A small photo of a format."""
    register_heif()
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    kind, suffix = name.split(".")
    if kind == "wide":
        return cv2.imencode(f".{suffix}", noise.astype(np.uint16) * 257)[1].tobytes()
    options = dict(compression="tiff_lzw") if kind == "packed" else {}
    if kind == "exif":
        options = dict(exif=exif(6, **{"0x10f": "Maker", "0x11a": 72.0, "0x8769": {0x829A: (1, 50)}}))
    file = io.BytesIO()
    Image.fromarray(noise).save(file, Image.registered_extensions()[f".{suffix}"], **options)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        "exif.jpg",
        "exif.png",
        "exif.webp",
        "exif.heic",
        "exif.avif",
        "plain.gif",
        "plain.bmp",
        "plain.tif",
        "packed.tif",
        "wide.tif",
        "wide.png",
    ],
)
def test_damaged_files_are_read_or_named(tmp_path, name):
    whole, path, chance = whole_file(name), tmp_path / name, random.Random(0)
    for _ in range(100):
        content = bytearray(whole)
        # What is odd in headers leads to more kinds of errors.
        end = chance.choice([400, len(whole)])
        for _ in range(chance.choice([1, 2, 4, 8])):
            content[chance.randrange(min(end, len(whole)))] = chance.choice([0, 255, chance.randrange(256)])
        path.write_bytes(content[: chance.choice([len(whole), len(whole), chance.randrange(len(whole))])])
        try:
            photo = read_photo(path, 64)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            assert photo.ndim == 3 and photo.shape[2] == 3 and photo.dtype == np.uint8


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
