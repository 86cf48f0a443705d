# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmluss.datasets import ImageNetSDataset
from mmluss.datasets.categories import palette, subset_categories
from mmluss.datasets.label_codec import IGNORE_INDEX, read_label_map

FLOWERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "Flowers15"
LOAD = [dict(type="LoadImageFromFile"), dict(type="LoadImageNetSAnnotations")]


def test_is_registered():
    assert DATASETS.get("ImageNetSDataset") is ImageNetSDataset


def test_other_categories(tmp_path, write_split):
    write_split("train", ["dog", "cat", "ant"])
    write_split("validation", ["cat", "dog"], ids=[2, 3])
    train = ImageNetSDataset(tmp_path)
    assert train.metainfo["classes"] == train.metainfo["names"] == ("other", "ant", "cat", "dog")
    assert train.metainfo["palette"] == palette(4)
    assert train.metainfo["label_map"] is None
    assert train.ignore_index == IGNORE_INDEX
    assert len(train) == 6
    assert train.get_data_info(2) == dict(
        img_path=str(tmp_path / "train/cat/image_0.JPEG"),
        relative_path="cat/image_0",
        category=2,
        max_id=3,
        label_map=None,
        reduce_zero_label=False,
        seg_fields=[],
        sample_idx=2,
    )
    # A category without validation images leaves the ids of the others as they are.
    validation = ImageNetSDataset(tmp_path, split="validation", pipeline=LOAD, test_mode=True)
    assert validation.metainfo["classes"] == train.metainfo["classes"]
    assert [validation.get_data_info(index)["category"] for index in range(4)] == [2, 2, 3, 3]
    sample = validation[3]
    assert sample["seg_map_path"] == str(tmp_path / "validation-segmentation/dog/image_1.png")
    assert np.unique(sample["gt_seg_map"]).tolist() == [0, 3]


def test_samples_do_not_share_seg_fields(tmp_path, write_split):
    write_split("validation", ["a"], ids=[1])
    for serialize in (True, False):
        dataset = ImageNetSDataset(tmp_path, split="validation", pipeline=LOAD, serialize_data=serialize)
        assert [dataset[0]["seg_fields"] for _ in range(3)] == [["gt_seg_map"]] * 3


@pytest.mark.parametrize("subset", [50, 300, 919])
def test_subset_of_imagenets(tmp_path, subset):
    dataset = ImageNetSDataset(tmp_path, subset=subset, lazy_init=True)
    categories = subset_categories(subset)
    assert dataset.metainfo["classes"] == ("other", *categories)
    assert dataset.metainfo["names"][1 + categories.index("n01443537")] == "goldfish"
    assert len(dataset.metainfo["palette"]) == subset + 1
    assert dataset.max_id == subset


def test_splits_of_a_subset(tmp_path, write_split):
    categories = subset_categories(50)
    write_split("train", categories, images=1)
    write_split("validation", categories, images=1, ids=range(1, 51))
    write_split("train-full", [*categories[:2], "n15075141"], images=1)
    train = ImageNetSDataset(tmp_path, subset=50)
    assert [train.get_data_info(index)["category"] for index in range(50)] == list(range(1, 51))
    assert "seg_map_path" not in train.get_data_info(0)
    full = ImageNetSDataset(tmp_path, subset=50, split="train-full")
    assert [full.get_data_info(index)["category"] for index in range(3)] == [1, 2, 0]
    validation = ImageNetSDataset(tmp_path, subset=50, split="validation", pipeline=LOAD)
    assert validation[49]["gt_seg_map"].max() == 50

    shutil.rmtree(tmp_path / "train" / categories[7])
    with pytest.raises(FileNotFoundError, match=rf"(?s)1 problem.*train/{categories[7]}: missing category folder"):
        ImageNetSDataset(tmp_path, subset=50)
    (tmp_path / "validation" / "n15075141").mkdir()
    with pytest.raises(ValueError, match=r"n15075141: unknown category folder \(not one of the 50 categories\)"):
        ImageNetSDataset(tmp_path, subset=50, split="validation")
    shutil.rmtree(tmp_path / "validation-segmentation")
    with pytest.raises(FileNotFoundError, match=r"validation-segmentation: no such folder.*label_root=False"):
        ImageNetSDataset(tmp_path, subset=50, split="validation")


def test_folder_of_photos(tmp_path, write_split):
    write_split("train", [""], images=3)
    dataset = ImageNetSDataset(tmp_path, pipeline=[*LOAD, dict(type="PackSegInputs")])
    assert len(dataset) == 3
    assert dataset.metainfo["classes"] == ("other",)
    assert dataset.get_data_info(1)["relative_path"] == "image_1"
    assert dataset.get_data_info(1)["category"] == 0
    assert dataset.get_data_info(1)["max_id"] is None
    assert "gt_sem_seg" not in dataset[1]["data_samples"]


def test_classes_of_a_folder_of_photos_with_masks(tmp_path, write_split):
    write_split("validation", [""], images=1, ids=[2])
    metainfo = dict(classes=("other", "sky", "sea"))
    dataset = ImageNetSDataset(tmp_path, split="validation", metainfo=metainfo, pipeline=LOAD)
    assert dataset.metainfo["classes"] == dataset.metainfo["names"] == metainfo["classes"]
    assert dataset[0]["gt_seg_map"].max() == 2
    few = ImageNetSDataset(tmp_path, split="validation", metainfo=dict(classes=("other", "sky")), pipeline=LOAD)
    with pytest.raises(ValueError, match=r"image_0\.png: id out of range \(2; ids are 0\.\.1 and 1000\)"):
        few[0]


def test_other_names_for_categories(tmp_path, write_split):
    write_split("train", ["a", "b"])
    metainfo = dict(classes=["nothing", "Apple", "Bear"])
    assert ImageNetSDataset(tmp_path, metainfo=metainfo).metainfo["classes"] == ("nothing", "Apple", "Bear")
    with pytest.raises(ValueError, match=r"metainfo has 2 classes, but .* has 2 categories: give 3 names"):
        ImageNetSDataset(tmp_path, metainfo=dict(classes=["Apple", "Bear"]))


def test_pseudo_labels(tmp_path, write_split):
    write_split("train", ["a", "b"], ids=[1, 7])
    labels = tmp_path / "elsewhere"
    (tmp_path / "train-segmentation").rename(labels)
    assert "seg_map_path" not in ImageNetSDataset(tmp_path).get_data_info(0)
    dataset = ImageNetSDataset(tmp_path, label_root=str(labels), pipeline=LOAD)
    assert dataset[0]["gt_seg_map"].max() == 1
    with pytest.raises(ValueError, match=r"b/image_0\.png: id out of range \(7; ids are 0\.\.2 and 1000\)"):
        dataset[2]
    more_clusters = ImageNetSDataset(tmp_path, label_root=str(labels), num_clusters=7, pipeline=LOAD)
    assert more_clusters[2]["gt_seg_map"].max() == 7
    assert more_clusters.metainfo["classes"] == ("other", *(f"cluster {index}" for index in range(1, 8)))
    assert len(more_clusters.metainfo["palette"]) == 8 and more_clusters.metainfo["num_clusters"] == 7
    assert more_clusters.get_data_info(2)["category"] == 2


def test_pixel_labels_say_how_many_clusters_they_hold(tmp_path, write_split):
    write_split("train", ["a", "b"], ids=[1, 7])
    labels = (tmp_path / "train-segmentation").rename(tmp_path / "pixel_labels")
    (labels / "manifest.json").write_text(json.dumps(dict(settings=dict(num_clusters=7))))
    dataset = ImageNetSDataset(tmp_path, label_root=str(labels), pipeline=LOAD)
    assert dataset.metainfo["classes"][7] == "cluster 7" and dataset[2]["gt_seg_map"].max() == 7
    named = dict(classes=["other", *"abcdefg"])
    assert ImageNetSDataset(tmp_path, label_root=str(labels), metainfo=named).metainfo["classes"][7] == "g"
    (labels / "manifest.json").write_text("{}")
    assert ImageNetSDataset(tmp_path, label_root=str(labels)).metainfo["classes"] == ("other", "a", "b")


def test_label_root_false_reads_no_masks(tmp_path, write_split):
    write_split("validation", ["a"], ids=[1])
    assert "seg_map_path" in ImageNetSDataset(tmp_path, split="validation").get_data_info(0)
    assert "seg_map_path" not in ImageNetSDataset(tmp_path, split="validation", label_root=False).get_data_info(0)
    with pytest.raises(ValueError, match="label_root is a folder, None"):
        ImageNetSDataset(tmp_path, split="validation", label_root=True)


def test_missing_masks_are_named_and_counted(tmp_path, write_split):
    write_split("validation", ["a"], images=9, ids=[1])
    for index in range(7):
        (tmp_path / f"validation-segmentation/a/image_{index}.png").unlink()
    with pytest.raises(FileNotFoundError) as error:
        ImageNetSDataset(tmp_path, split="validation")
    assert str(error.value).startswith(f"7 problem(s) in the validation split of {tmp_path}:")
    assert f"{tmp_path}/validation-segmentation/a/image_0.png: missing mask" in str(error.value)
    assert str(error.value).count("missing mask") == 5
    assert "check_dataset.py" in str(error.value)


def test_saliency_maps(tmp_path, write_split):
    write_split("train", ["a"])
    folder = tmp_path / "saliency"
    (folder / "a").mkdir(parents=True)
    Image.new("L", (16, 12), 77).save(folder / "a" / "image_0.png")
    with pytest.raises(FileNotFoundError, match=r"saliency/a/image_1\.png: missing saliency map"):
        ImageNetSDataset(tmp_path, saliency_root=str(folder))
    Image.new("L", (16, 12), 77).save(folder / "a" / "image_1.png")
    pipeline = [*LOAD, dict(type="LoadSaliencyMap"), dict(type="PackSegInputs", meta_keys=("saliency",))]
    sample = ImageNetSDataset(tmp_path, saliency_root=str(folder), pipeline=pipeline)[1]["data_samples"]
    assert (sample.metainfo["saliency"] == 77).all()


def test_unreadable_images_are_named(tmp_path, write_split):
    write_split("train", ["a"], images=4)
    dataset = ImageNetSDataset(tmp_path, pipeline=LOAD)
    paths = [tmp_path / f"train/a/image_{index}.JPEG" for index in range(4)]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(b"no image at all")
    paths[2].unlink()
    for path, reason in zip(paths, ("empty file", "damaged, cut off or no image", "No such file"), strict=False):
        with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: unreadable image \({reason}"):
            dataset[paths.index(path)]
    assert dataset[3]["img"].shape == (12, 16, 3)


def test_errors_of_other_transforms_stay_what_they_are(tmp_path, write_split):
    write_split("train", ["a"])

    def fail(results):
        raise AssertionError("of a transform")

    with pytest.raises(AssertionError, match="of a transform"):
        ImageNetSDataset(tmp_path, pipeline=[fail])[0]


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(split="validation"), FileNotFoundError, r"validation: no such folder"),
        (dict(data_root="nowhere"), FileNotFoundError, r"nowhere: no such folder"),
        (dict(subset=50, split="val"), ValueError, r"has the splits train, train-full, .*, not 'val'"),
        (dict(subset=51), ValueError, r"has the subsets 50, 300, 919, not 51"),
        (dict(label_root="nowhere"), FileNotFoundError, r"nowhere: no such folder"),
        (dict(saliency_root="nowhere"), FileNotFoundError, r"nowhere: no such folder"),
        (dict(split="empty"), ValueError, r"empty: no images \(looked for "),
    ],
)
def test_bad_arguments(tmp_path, write_split, arguments, error, message):
    write_split("train", ["a"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        ImageNetSDataset(**(dict(data_root=tmp_path) | arguments))


@pytest.mark.parametrize(
    "name, message",
    [
        ("a/holiday.HEIC", r"a/holiday\.HEIC: photo of a format that is not read \(convert it to JPEG or PNG, or "),
        ("a/holiday/1.jpg", r"a/holiday: photos in a folder that is not read \(1\.jpg; images lie in SPLIT/CATEGORY/ "),
    ],
)
def test_photos_that_are_not_read_are_errors(tmp_path, write_split, name, message):
    write_split("train", ["a"])
    (tmp_path / "train" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "train" / name).touch()
    with pytest.raises(ValueError, match=rf"(?s)1 problem\(s\) in the train split of .*/train/{message}"):
        ImageNetSDataset(tmp_path)


def test_indices_take_the_first_images(tmp_path, write_split):
    write_split("train", ["a", "b"], images=3)
    assert len(ImageNetSDataset(tmp_path, indices=4)) == 4


@pytest.mark.skipif(not FLOWERS.is_dir(), reason=f"needs the photos of Flowers15 in {FLOWERS}")
def test_flowers():
    lengths = {"train": 975, "train-semi": 150, "validation": 225}
    for split, length in lengths.items():
        dataset = ImageNetSDataset(FLOWERS, split=split)
        assert len(dataset) == length
        assert len(dataset.metainfo["classes"]) == 16
        assert list(dataset.metainfo["classes"][1:]) == sorted(path.name for path in (FLOWERS / "train").iterdir())
    for index in range(0, length, 9):
        info = dataset.get_data_info(index)
        assert set(np.unique(read_label_map(info["seg_map_path"]))) <= {0, info["category"], IGNORE_INDEX}
