# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmluss.datasets import RandomResizedCropSeg
from mmluss.datasets.transforms.random_resized_crop import resize_nearest


@pytest.mark.parametrize("size", [(7, 5), (20, 31), (1, 1), (13, 17)])
def test_nearest_is_that_of_pillow(size):
    ids = np.random.default_rng(0).integers(0, 1001, (13, 17)).astype(np.uint16)
    expected = Image.fromarray(ids.astype(np.int32)).resize(size[::-1], Image.Resampling.NEAREST)
    resized = resize_nearest(ids, size)
    assert resized.dtype == np.uint16
    np.testing.assert_array_equal(resized, np.asarray(expected))


def test_image_and_labels_stay_together():
    # Image and labels are the same picture of four wide quarters: away from edges they must agree after any crop.
    labels = np.kron(np.array([[1, 300], [919, 0]], np.uint16), np.ones((80, 90), np.uint16))
    image = np.repeat((labels % 251).astype(np.uint8)[..., None], 3, axis=2)
    crop = TRANSFORMS.build(dict(type="RandomResizedCropSeg", size=32, scale=(0.3, 1.0)))
    np.random.seed(0)
    sizes = set()
    for _ in range(20):
        results = crop(dict(img=image, gt_seg_map=labels))
        assert results["img"].shape == (32, 32, 3)
        assert results["img_shape"] == results["gt_seg_map"].shape == (32, 32)
        assert results["gt_seg_map"].dtype == np.uint16
        agree = results["img"][..., 0] == results["gt_seg_map"] % 251
        assert agree.mean() > 0.85
        sizes.add(tuple(np.unique(results["gt_seg_map"], return_counts=True)[1]))
    assert len(sizes) > 10


def test_whole_image_is_resized_as_pillow_does():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    results = RandomResizedCropSeg(16, scale=(1.0, 1.0), ratio=(1.0, 1.0))(dict(img=image))
    expected = Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(results["img"], np.asarray(expected))
    assert "gt_seg_map" not in results


def test_area_and_ratio_of_crops_are_in_range():
    crop = RandomResizedCropSeg((16, 24), scale=(0.2, 0.4), ratio=(0.5, 2.0))
    image = np.zeros((100, 120, 3), np.uint8)
    np.random.seed(0)
    boxes = np.array([crop.rand_crop_params(image) for _ in range(200)])
    top, left, height, width = boxes.T
    assert (top + height <= 100).all() and (left + width <= 120).all()
    share = height * width / (100 * 120)
    assert 0.19 < share.min() < 0.22 and 0.38 < share.max() < 0.41
    assert 0.48 < (width / height).min() < 0.6 and 1.7 < (width / height).max() < 2.05
    assert crop(dict(img=image))["img"].shape == (16, 24, 3)


def test_swapped_range_is_refused():
    with pytest.raises(ValueError, match="range should be of kind"):
        RandomResizedCropSeg(16, scale=(1.0, 0.08))
