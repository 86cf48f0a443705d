# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmluss.datasets import LoadImageNetSAnnotations, LoadSaliencyMap
from mmluss.datasets.label_codec import IGNORE_INDEX, write_label_map
from mmluss.datasets.transforms.loading import (
    id_problem,
    read_image_size,
    read_saliency_map,
    read_stored_image,
    size_problem,
)


def test_labels_keep_16_bits_to_the_packed_sample(tmp_path):
    ids = np.array([[0, 255, 256], [919, IGNORE_INDEX, 300]], np.uint16)
    write_label_map(tmp_path / "map.png", ids)
    results = dict(
        img=np.zeros((2, 3, 3), np.uint8), ori_shape=(2, 3), seg_map_path=str(tmp_path / "map.png"), max_id=919
    )
    results["seg_fields"] = []
    loaded = TRANSFORMS.build(dict(type="LoadImageNetSAnnotations"))(results)
    assert loaded["gt_seg_map"].dtype == np.uint16
    assert loaded["seg_fields"] == ["gt_seg_map"]
    flipped = TRANSFORMS.build(dict(type="RandomFlip", prob=1.0))(loaded)
    packed = TRANSFORMS.build(dict(type="PackSegInputs"))(flipped)
    np.testing.assert_array_equal(packed["data_samples"].gt_sem_seg.data[0], ids[:, ::-1])


def test_stored_pixels_are_rgb_and_not_turned(tmp_path):
    pixels = np.zeros((6, 9, 3), np.uint8)
    pixels[:, :4] = (200, 30, 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_stored_image(str(tmp_path / "turned.png")), pixels)
    with pytest.raises(ValueError, match=r"empty\.png: unreadable image \(empty file\)"):
        (tmp_path / "empty.png").touch()
        read_stored_image(str(tmp_path / "empty.png"))


def test_samples_without_maps_pass_through():
    results = dict(img_path="photo.jpg", ori_shape=(4, 4))
    assert LoadImageNetSAnnotations()(dict(results)) == results
    assert LoadSaliencyMap()(dict(results)) == results


def test_labels_after_a_resize_are_compared_with_the_original_size(tmp_path):
    write_label_map(tmp_path / "map.png", np.ones((6, 9), np.uint16))
    results = dict(ori_shape=(6, 9), img_shape=(256, 384), seg_map_path=str(tmp_path / "map.png"))
    assert LoadImageNetSAnnotations()(results)["gt_seg_map"].shape == (6, 9)


@pytest.mark.parametrize(
    "ids, message",
    [
        (np.zeros((3, 4)), r"wrong size \(4 x 3 pixels, the image is 2 x 5\)$"),
        (np.zeros((2, 5)), r"wrong size \(5 x 2 pixels, the image is 2 x 5; if its EXIF tag turned it"),
        (np.full((5, 2), 51), r"id out of range \(51; ids are 0\.\.50 and 1000\)$"),
        (np.arange(60, 70).reshape(5, 2), r"id out of range \(60, 61, 62, 63, 64 and 5 more; ids"),
        (np.full((5, 2), 1001), r"id out of range \(1001; ids"),
    ],
)
def test_wrong_label_maps_are_named(tmp_path, ids, message):
    path = str(tmp_path / "map.png")
    write_label_map(path, ids.astype(np.uint16))
    with pytest.raises(ValueError, match=f"^{re.escape(path)}: {message}"):
        LoadImageNetSAnnotations()(dict(seg_map_path=path, ori_shape=(5, 2), max_id=50))


def test_id_problem():
    ids = np.array([[0, 3], [IGNORE_INDEX, 1]], np.uint16)
    assert id_problem(ids, 3) is None
    assert id_problem(ids, None) is None
    assert id_problem(ids, 2) == "id out of range (3; ids are 0..2 and 1000)"


def test_size_problem():
    assert size_problem((3, 4), (3, 4, 3)) is None
    assert size_problem((3, 3), (3, 4, 3)) == "wrong size (3 x 3 pixels, the image is 4 x 3)"


def test_image_size_is_that_of_the_stored_pixels(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (8, 5)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image_size(str(tmp_path / "turned.jpg")) == (5, 8)


def test_saliency_map(tmp_path):
    saliency = np.arange(12, dtype=np.uint8).reshape(3, 4)
    path = str(tmp_path / "map.png")
    Image.fromarray(saliency).save(path)
    np.testing.assert_array_equal(LoadSaliencyMap()(dict(saliency_path=path, ori_shape=(3, 4)))["saliency"], saliency)
    with pytest.raises(ValueError, match=rf"^{re.escape(path)}: wrong size"):
        LoadSaliencyMap()(dict(saliency_path=path, ori_shape=(5, 4)))


def test_wrong_saliency_maps_are_named(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "color.png")
    Image.new("I;16", (4, 3)).save(tmp_path / "deep.png")
    (tmp_path / "empty.png").touch()
    for name, message in dict(color="wrong mode", deep="wrong mode", empty=r"unreadable .*\(empty file").items():
        path = str(tmp_path / f"{name}.png")
        with pytest.raises(ValueError, match=rf"^{re.escape(path)}: {message}"):
            read_saliency_map(path)
