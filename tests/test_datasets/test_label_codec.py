# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import io
import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mmluss.datasets.label_codec import IGNORE_INDEX, decode_ids, encode_ids, read_label_map, write_label_map

EXAMPLE = np.array([[0, 1, 255], [256, 919, IGNORE_INDEX]], np.uint16)


def slow_decode(rgb: np.ndarray) -> np.ndarray:
    return np.array([[int(red) + 256 * int(green) for red, green, _ in row] for row in rgb], np.uint16)


def test_example_of_the_coding():
    rgb = encode_ids(EXAMPLE)
    assert rgb.tolist() == [[[0, 0, 0], [1, 0, 0], [255, 0, 0]], [[0, 1, 0], [151, 3, 0], [232, 3, 0]]]
    assert rgb.dtype == np.uint8


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 65535)))
def test_coding_is_undone(ids):
    rgb = encode_ids(ids)
    np.testing.assert_array_equal(slow_decode(rgb), ids)
    decoded = decode_ids(rgb)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, ids)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_other_integer_types_and_views_encode_alike(dtype):
    ids = np.arange(60).reshape(6, 10).astype(dtype)
    np.testing.assert_array_equal(decode_ids(encode_ids(ids[::2, ::-3])), ids[::2, ::-3])


def test_decodes_views():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_ids(rgb[::-1, ::2]), slow_decode(rgb[::-1, ::2]))


@pytest.mark.parametrize("shape, dtype", [((4, 4), np.uint8), ((4, 4, 4), np.uint8), ((4, 4, 3), np.uint16)])
def test_decode_refuses(shape, dtype):
    with pytest.raises(ValueError, match=r"an RGB-coded label image is \(H, W, 3\) uint8"):
        decode_ids(np.zeros(shape, dtype))


@pytest.mark.parametrize(
    "ids, message",
    [
        (np.zeros((2, 2), np.float32), "integer array"),
        (np.zeros((1, 2, 2), np.int64), "integer array"),
        (np.zeros((0, 2), np.int64), "non-empty"),
        (np.array([[-1, 3]]), r"0\.\.65535, these in -1\.\.3"),
        (np.array([[0, 65536]]), r"0\.\.65535, these in 0\.\.65536"),
    ],
)
def test_encode_refuses(ids, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        encode_ids(ids)
    path = tmp_path / "map.png"
    with pytest.raises(ValueError, match=re.escape(str(path))):
        write_label_map(path, ids)
    assert not list(tmp_path.iterdir())


def test_files_are_what_pillow_reads_and_writes(tmp_path):
    write_label_map(tmp_path / "ours.png", EXAMPLE)
    with Image.open(tmp_path / "ours.png") as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), encode_ids(EXAMPLE))
    Image.fromarray(encode_ids(EXAMPLE)).save(tmp_path / "theirs.png")
    ids = read_label_map(tmp_path / "theirs.png")
    assert ids.dtype == np.uint16
    np.testing.assert_array_equal(ids, EXAMPLE)


def test_write_makes_folders_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b" / "map.png"
    write_label_map(path, np.zeros((3, 3), np.int64))
    write_label_map(path, EXAMPLE)
    np.testing.assert_array_equal(read_label_map(path), EXAMPLE)
    assert [file.name for file in path.parent.iterdir()] == ["map.png"]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "map.png"
    write_label_map(path, EXAMPLE)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_label_map(path, EXAMPLE + 1)
    assert [file.name for file in tmp_path.iterdir()] == ["map.png"]
    np.testing.assert_array_equal(read_label_map(path), EXAMPLE)


def test_threads_may_write_the_same_file(tmp_path):
    threads = [threading.Thread(target=write_label_map, args=(tmp_path / "map.png", EXAMPLE)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(read_label_map(tmp_path / "map.png"), EXAMPLE)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "mode, name",
    [("L", "8-bit gray"), ("P", "palette"), ("RGBA", "RGB with alpha"), ("LA", "alpha"), ("I;16", "16-bit")],
)
def test_wrong_mode_is_named(tmp_path, mode, name):
    path = tmp_path / "map.png"
    (Image.new("I;16", (4, 4)) if mode == "I;16" else Image.new("RGB", (4, 4)).convert(mode)).save(path)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: wrong mode .*{name}"):
        read_label_map(path)


def test_unreadable_is_named(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(buffer, "PNG")
    jpeg = io.BytesIO()
    Image.new("RGB", (4, 4)).save(jpeg, "JPEG")
    contents = {"empty": b"", "text": b"no image", "jpeg": jpeg.getvalue(), "cut": buffer.getvalue()[:200]}
    for name, content in contents.items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: unreadable label map"):
            read_label_map(path)
    with pytest.raises(ValueError, match=r"missing\.png: unreadable label map \(No such file"):
        read_label_map(tmp_path / "missing.png")
