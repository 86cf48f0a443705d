# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Data sets, images, label maps and saliency maps that cannot be used."""

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from PIL import Image

from mmluss.datasets import ImageNetSDataset
from mmluss.datasets.label_codec import encode_ids, read_label_map, write_label_map
from mmluss.datasets.photos import PhotoFolderDataset, list_photos, read_photo
from mmluss.datasets.transforms.multi_crop import MultiCrop
from tests.helpers.bad_inputs import check, table
from tests.helpers.tiny_data import write_image_folder

LOAD = [dict(type="LoadImageFromFile"), dict(type="LoadImageNetSAnnotations")]
SALIENCY = [dict(type="LoadImageFromFile"), dict(type="LoadSaliencyMap")]


def _noise(category, index, rng):
    return rng.integers(0, 256, (12, 16, 3), np.uint8), np.full((12, 16), category + 1, np.uint16)


@pytest.fixture
def root(tmp_path):
    """Categories a and b; training images without masks, validation images with masks."""
    rng = np.random.default_rng(0)
    write_image_folder(tmp_path, "train", ("a", "b"), 2, _noise, rng)
    write_image_folder(tmp_path, "validation", ("a", "b"), 1, _noise, rng, masks=True)
    with DefaultScope.overwrite_default_scope("mmseg"):
        yield tmp_path


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def no_data_root(root):
    ImageNetSDataset(root / "nowhere")


def no_such_split(root):
    ImageNetSDataset(root, split="val")


def no_split_at_all(root):
    (root / "empty").mkdir()
    ImageNetSDataset(root / "empty")


def split_that_a_subset_lacks(root):
    ImageNetSDataset(root, subset=50, split="val")


def unknown_subset(root):
    ImageNetSDataset(root, subset=100)


def split_without_images(root):
    (root / "test").mkdir()
    ImageNetSDataset(root, split="test")


def images_beside_category_folders(root):
    _touch(root / "train" / "1.jpg")
    ImageNetSDataset(root)


def unknown_category_folder(root):
    _touch(root / "validation" / "c" / "1.jpg")
    ImageNetSDataset(root, split="validation", label_root=False)


def two_images_of_one_name(root):
    _touch(root / "train" / "a" / "image_0.png")
    ImageNetSDataset(root)


def photo_of_a_phone(root):
    _touch(root / "train" / "a" / "1.HEIC")
    ImageNetSDataset(root)


def folders_in_a_category_folder(root):
    _touch(root / "train" / "a" / "more" / "1.jpg")
    ImageNetSDataset(root)


def image_without_mask(root):
    (root / "validation-segmentation" / "a" / "image_0.png").unlink()
    ImageNetSDataset(root, split="validation")


def label_root_true(root):
    ImageNetSDataset(root, label_root=True)


def no_label_root(root):
    ImageNetSDataset(root, label_root=str(root / "labels"))


def label_root_of_a_step_not_yet_run(root):
    ImageNetSDataset(root, label_root=str(root / "work_dirs" / "pass-pixel-attention" / "pixel_labels"))


def label_root_of_a_step_not_yet_finished(root):
    (root / "work_dirs" / "pass-pixel-attention").mkdir(parents=True)
    ImageNetSDataset(root, label_root=str(root / "work_dirs" / "pass-pixel-attention" / "pixel_labels"))


def too_few_class_names(root):
    ImageNetSDataset(root, metainfo=dict(classes=["other", "a"]))


def image_without_saliency_map(root):
    (root / "saliency").mkdir()
    ImageNetSDataset(root, saliency_root=str(root / "saliency"))


def empty_image(root):
    (root / "train" / "a" / "image_0.JPEG").write_bytes(b"")
    ImageNetSDataset(root, pipeline=LOAD)[0]


def image_that_is_text(root):
    (root / "train" / "a" / "image_0.JPEG").write_text("hello")
    ImageNetSDataset(root, pipeline=LOAD)[0]


def vanished_image(root):
    dataset = ImageNetSDataset(root, pipeline=LOAD)
    (root / "train" / "a" / "image_0.JPEG").unlink()
    dataset[0]


def truncated_jpeg(root):
    path = root / "train" / "a" / "image_0.JPEG"
    path.write_bytes(path.read_bytes()[:-40])
    ImageNetSDataset(root, pipeline=LOAD)[0]


def truncated_png(root):
    path = root / "train" / "a" / "image_2.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-60])
    ImageNetSDataset(root, pipeline=LOAD)[2]


def mask_with_an_unknown_id(root):
    write_label_map(root / "validation-segmentation" / "a" / "image_0.png", np.full((12, 16), 3, np.uint16))
    ImageNetSDataset(root, split="validation", pipeline=LOAD)[0]


def mask_of_another_size(root):
    write_label_map(root / "validation-segmentation" / "a" / "image_0.png", np.zeros((6, 8), np.uint16))
    ImageNetSDataset(root, split="validation", pipeline=LOAD)[0]


def turned_mask(root):
    write_label_map(root / "validation-segmentation" / "a" / "image_0.png", np.zeros((16, 12), np.uint16))
    ImageNetSDataset(root, split="validation", pipeline=LOAD)[0]


def gray_mask(root):
    Image.new("L", (16, 12)).save(root / "validation-segmentation" / "a" / "image_0.png")
    ImageNetSDataset(root, split="validation", pipeline=LOAD)[0]


def palette_mask(root):
    Image.new("P", (16, 12)).save(root / "mask.png")
    read_label_map(root / "mask.png")


def mask_that_is_a_jpeg(root):
    Image.new("RGB", (16, 12)).save(root / "mask.jpg")
    read_label_map(root / "mask.jpg")


def truncated_mask(root):
    path = root / "validation-segmentation" / "a" / "image_0.png"
    write_label_map(path, np.random.default_rng(0).integers(0, 3, (12, 16)))
    path.write_bytes(path.read_bytes()[:-30])
    ImageNetSDataset(root, split="validation", pipeline=LOAD)[0]


def ids_beyond_sixteen_bits(root):
    write_label_map(root / "mask.png", np.full((2, 2), 65536))


def ids_that_are_fractions(root):
    encode_ids(np.full((2, 2), 0.5))


def colored_saliency_map(root):
    for path in (root / "train").rglob("*.JPEG"):
        target = root / "saliency" / path.parent.name / f"{path.stem}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 12)).save(target)
    ImageNetSDataset(root, saliency_root=str(root / "saliency"), pipeline=SALIENCY)[0]


def gray_image_for_crops(root):
    MultiCrop(groups=[dict(size=8, number=2, scale=(0.3, 1.0))])(
        dict(img=np.zeros((12, 16), np.uint8), img_path="gray.png")
    )


def a_single_crop(root):
    MultiCrop(groups=[dict(size=8, number=1, scale=(0.3, 1.0))])


def folder_without_photos(root):
    (root / "photos").mkdir()
    PhotoFolderDataset(str(root / "photos"))


def photos_without_label_maps(root):
    PhotoFolderDataset(str(root / "train"), label_root=str(root / "labels"))


def file_in_place_of_a_folder(root):
    list_photos(root / "train" / "a" / "image_0.JPEG")


def ribbon(root):
    Image.new("RGB", (400, 20)).save(root / "ribbon.png")
    read_photo(root / "ribbon.png")


@table(globals())
def test_message(act, root):
    check(act, root)
