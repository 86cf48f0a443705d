# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmluss.datasets.label_codec import write_label_map
from mmluss.datasets.photos import PhotoFolderDataset
from tests.helpers.messy_folder import BAD, GOOD, SIZE

PIPELINE = [dict(type="LoadPhoto"), dict(type="LoadImageNetSAnnotations"), dict(type="PackSegInputs")]


def test_photos_of_a_folder(messy_folder):
    dataset = PhotoFolderDataset(data_root=str(messy_folder))
    names = {dataset.get_data_info(index)["relative_path"] for index in range(len(dataset))}
    assert names == GOOD | BAD.keys() - {"notes.txt"}


def test_listed_photos_with_labels_through_the_registry(messy_folder, tmp_path):
    init_default_scope("mmseg")
    (tmp_path / "photos.txt").write_text("a.png\na.jpg\ndeep/Tülpe 花.tiff\n", encoding="utf-8")
    for index, name in enumerate(("a.png", "a.jpg", "deep/Tülpe 花.tiff")):
        write_label_map(tmp_path / "labels" / f"{name}.png", np.full(SIZE[::-1], 300 + index))
    settings = dict(type="PhotoFolderDataset", data_root=str(messy_folder), photo_list=str(tmp_path / "photos.txt"))
    dataset = DATASETS.build(dict(settings, label_root=str(tmp_path / "labels"), num_clusters=302, pipeline=PIPELINE))
    assert len(dataset) == 3 and len(dataset.metainfo["classes"]) == 303
    assert [int(dataset[index]["data_samples"].gt_sem_seg.data.unique()) for index in range(3)] == [300, 301, 302]
    (tmp_path / "labels" / "a.jpg.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 3 label maps are missing, such as .*a\.jpg\.png"):
        DATASETS.build(dict(settings, label_root=str(tmp_path / "labels")))
    without = DATASETS.build(dict(settings, label_root=False))
    assert "seg_map_path" not in without.get_data_info(0)


def test_photos_are_read_upright_whatever_loader_mmseg_s_inferencers_look_for(messy_folder):
    init_default_scope("mmseg")
    (messy_folder / "one.txt").write_text("upside.jpg\n")
    settings = dict(data_root=str(messy_folder), photo_list=str(messy_folder / "one.txt"))
    ordinary = dict(type="LoadImageFromFile", color_type="color_ignore_orientation")
    found, expected = (
        PhotoFolderDataset(**settings, pipeline=[loader, dict(type="PackSegInputs")])[0]["inputs"]
        for loader in (ordinary, dict(type="LoadPhoto"))
    )
    assert found.equal(expected)


def test_no_photos_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no photos"):
        PhotoFolderDataset(data_root=str(tmp_path))
