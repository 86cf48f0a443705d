# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmluss.datasets.transforms.multi_crop import MultiCrop, PackMultiCrops
from mmluss.datasets.transforms.overlap_grid import overlap_grid

GROUPS = [{"size": 48, "number": 2, "scale": (0.14, 1.0)}, {"size": 20, "number": 3, "scale": (0.05, 0.14)}]


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)


def test_crops_are_those_of_their_rectangles(image):
    np.random.seed(0)
    source = image.copy()
    results = MultiCrop(GROUPS, crop_transforms=[])({"img": image, "img_path": "a.JPEG"})
    np.testing.assert_array_equal(image, source)
    assert "img" not in results and results["img_path"] == "a.JPEG"
    assert results["crop_rects"].shape == (5, 5) and results["crop_rects"].dtype == np.int64
    for crop, size, (left, top, width, height, flip) in zip(
        results["crops"], (48, 48, 20, 20, 20), results["crop_rects"], strict=True
    ):
        window = Image.fromarray(image[top : top + height, left : left + width])
        reference = np.asarray(window.resize((size, size), Image.Resampling.BILINEAR))
        reference = reference[:, ::-1] if flip else reference
        assert crop.dtype == np.uint8
        assert np.abs(crop.astype(int) - reference.astype(int)).max() <= 1
    np.testing.assert_array_equal(results["overlap_grid"], overlap_grid(*results["crop_rects"][:2]))


def test_rectangles_follow_the_settings(image):
    np.random.seed(0)
    transform = MultiCrop(GROUPS, ratio=(0.8, 1.25), flip_prob=0.3, crop_transforms=[])
    rects = np.array([transform({"img": image})["crop_rects"] for _ in range(300)])
    left, top, width, height, flip = np.moveaxis(rects, -1, 0)
    assert left.min() >= 0 and (left + width).max() <= 130
    assert top.min() >= 0 and (top + height).max() <= 90
    area, ratio = width * height / (90 * 130), width / height
    assert area[:, :2].min() > 0.13 and area[:, :2].max() > 0.8
    assert area[:, 2:].min() > 0.045 and area[:, 2:].max() < 0.145
    assert 0.75 < ratio.min() < 0.85 and 1.2 < ratio.max() < 1.35
    assert flip.mean(axis=0) == pytest.approx([0.3] * 5, abs=0.09)
    assert np.abs(np.corrcoef(flip.T) - np.eye(5)).max() < 0.2, "each crop is flipped on its own"


def test_each_crop_is_distorted_on_its_own(image):
    transform = MultiCrop(GROUPS[:1], crop_transforms=[{"type": "ColorDistortion", "gray_prob": 0.5, "jitter_prob": 0}])
    np.random.seed(0)
    gray = []
    for _ in range(200):
        crops = transform({"img": image})["crops"]
        gray.append([(crop[..., 0] == crop[..., 1]).all() for crop in crops])
    pairs = np.array(gray)
    assert pairs.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.12)
    assert (pairs[:, 0] != pairs[:, 1]).mean() == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (7, 3)])
def test_tiny_images(size):
    np.random.seed(0)
    results = MultiCrop(GROUPS)({"img": np.full((*size, 3), 7, np.uint8)})
    assert [crop.shape for crop in results["crops"]] == [(48, 48, 3)] * 2 + [(20, 20, 3)] * 3


def test_same_seed_same_crops(image):
    transform = TRANSFORMS.build({"type": "MultiCrop", "groups": GROUPS, "grid_size": 5})
    outcomes = []
    for _ in range(2):
        np.random.seed(3)
        outcomes.append(transform({"img": image.copy()}))
    for first, second in zip(outcomes[0]["crops"], outcomes[1]["crops"], strict=True):
        np.testing.assert_array_equal(first, second)
    assert outcomes[0]["overlap_grid"].shape == (2, 5, 5, 2)


def test_packed_batch(image):
    np.random.seed(0)
    multi_crop, pack = MultiCrop(GROUPS), PackMultiCrops()
    crops, samples = [], []
    for number in range(3):
        results = multi_crop({"img": image, "img_path": f"{number}.JPEG", "category": number})
        crops.append([crop.transpose(2, 0, 1) for crop in results["crops"]])
        samples.append(pack(results))
    batch = default_collate(samples)
    assert batch["inputs"]["grid"].shape == (3, 2, 7, 7, 2) and batch["inputs"]["grid"].dtype == torch.float32
    assert [crop.dtype for crop in batch["inputs"]["crops"]] == [torch.uint8] * 5
    for place, views in enumerate(batch["inputs"]["crops"]):
        np.testing.assert_array_equal(views.numpy(), [sample[place] for sample in crops])
    assert [sample.img_path for sample in batch["data_samples"]] == ["0.JPEG", "1.JPEG", "2.JPEG"]
    assert [sample.category for sample in batch["data_samples"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": [{"size": 48, "number": 1, "scale": (0.1, 1)}]}, "at least two"),
        ({"groups": [{"size": 0, "number": 2, "scale": (0.1, 1)}]}, "size >= 1"),
        ({"groups": [{"size": 48, "number": 2, "scale": (0.5, 0.1)}]}, "0 < low <= high <= 1"),
        ({"groups": [{"size": 48, "number": 2, "scale": (0.5, 1.1)}]}, "0 < low <= high <= 1"),
        ({"groups": GROUPS, "ratio": (2, 1)}, "ratio is"),
        ({"groups": GROUPS, "flip_prob": 2}, "flip_prob 0..1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        MultiCrop(**settings)


@pytest.mark.parametrize(
    "bad", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32), np.zeros((5, 5, 4), np.uint8)]
)
def test_bad_image_is_named(bad):
    with pytest.raises(ValueError, match=r"some/photo\.JPEG: crops are made of \(H, W, 3\) uint8 images"):
        MultiCrop(GROUPS)({"img": bad, "img_path": "some/photo.JPEG"})
