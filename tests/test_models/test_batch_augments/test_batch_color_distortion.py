# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmluss.datasets.transforms.color_distortion import ColorDistortion, ColorOperation
from mmluss.models.batch_augments import batch_color_distortion
from mmluss.models.batch_augments.batch_color_distortion import BatchColorDistortion, apply_operations

OFF = dict(jitter_prob=0, gray_prob=0, blur_prob=0)


@pytest.fixture
def photos() -> np.ndarray:
    """(12, 24, 32, 3) uint8, smooth, of middle colors."""
    coarse = np.random.default_rng(0).integers(60, 196, (12, 3, 4, 3), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def as_batch(photos: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photos).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        OFF,
        dict(jitter_prob=1, blur_prob=0),
        dict(jitter_prob=0, gray_prob=0.5),
        dict(brightness=0.3, contrast=0, hue=0, gray_prob=1, blur_radius=(1.0, 1.5)),
    ],
)
def test_a_batch_becomes_what_its_images_become_one_by_one(photos, settings):
    np.random.seed(3)
    expected = np.stack([ColorDistortion(**settings)({"img": photo})["img"] for photo in photos])
    batch = as_batch(photos)
    before = batch.clone()
    np.random.seed(3)
    found = BatchColorDistortion(**settings)(batch)
    difference = (found - as_batch(expected)).abs()
    assert found.dtype == torch.float32 and torch.equal(batch, before)
    # 8-bit images round after each of up to six operations, their hue in steps of 1/256.
    assert difference.mean() < 1 and difference.max() < 20
    changed = (expected != photos).any()
    assert changed == (settings is not OFF)
    assert (found - batch).abs().mean() > 5 or not changed


def test_operations_follow_each_images_own_order():
    # Of a value of 200: half, then more contrast, is not more contrast, then half.
    darker, harder = ColorOperation("adjust_brightness", 0.5), ColorOperation("adjust_contrast", 4.0)
    images = torch.tensor([100.0, 200.0]).expand(3, 3, 1, 2)
    found = apply_operations(images, [[darker, harder], [harder, darker], []])
    assert found[0, 0, 0].tolist() == pytest.approx([0, 175])
    assert found[1, 0, 0].tolist() == pytest.approx([0, 127.5])
    assert found[2, 0, 0].tolist() == [100, 200]


def test_images_that_wait_for_the_same_share_a_call(photos, monkeypatch):
    calls = []
    adjust = batch_color_distortion.batch_color_ops.adjust_brightness
    monkeypatch.setattr(
        batch_color_distortion.batch_color_ops,
        "adjust_brightness",
        lambda images, values: calls.append(len(images)) or adjust(images, values),
    )
    images = as_batch(photos)
    apply_operations(images, [[ColorOperation("adjust_brightness", 0.5)]] * len(images))
    assert calls == [len(images)]


def test_half_precision_does_not_round_colors(photos):
    distort = BatchColorDistortion(jitter_prob=0, gray_prob=0, blur_prob=1)
    outcomes = []
    for enabled in (False, True):
        np.random.seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            outcomes.append(distort(as_batch(photos)))
    assert torch.equal(*outcomes)


def test_bad_settings():
    with pytest.raises(ValueError, match=r"hue is 0\.\.0\.5, not 0\.6"):
        MODELS.build(dict(type="BatchColorDistortion", hue=0.6))


@pytest.mark.parametrize("bgr_to_rgb", [True, False])
def test_crops_of_training_are_distorted_before_normalization(photos, bgr_to_rgb):
    augment = dict(type="BatchColorDistortion", gray_prob=0.5)
    plain, distorting = (
        MODELS.build(dict(type="LUSSDataPreProcessor", bgr_to_rgb=bgr_to_rgb, batch_augments=augments))
        for augments in ([], [augment])
    )
    batch = as_batch(photos)
    data = dict(inputs=dict(crops=[batch, batch[..., :16]]))
    np.random.seed(1)
    found = distorting(data, training=True)["inputs"]["crops"]
    np.random.seed(1)
    expected = [MODELS.build(augment)(crop) for crop in data["inputs"]["crops"]]
    expected = plain(dict(inputs=dict(crops=expected)), training=True)["inputs"]["crops"]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(distorting(data)["inputs"]["crops"][0], plain(data)["inputs"]["crops"][0])


def test_ordinary_images_of_training_are_distorted_too(photos):
    preprocessor = MODELS.build(
        dict(
            type="LUSSDataPreProcessor", batch_augments=[dict(type="BatchColorDistortion", jitter_prob=0, gray_prob=1)]
        )
    )
    images = [*as_batch(photos)[:2], as_batch(photos)[2, :, :16]]
    for training in (True, False):
        data = dict(inputs=images if training else images[:2], data_samples=[SegDataSample() for _ in images])
        mean, std = preprocessor.mean, preprocessor.std
        first = preprocessor(data, training=training)["inputs"][0] * std + mean
        gray = (first.amax(dim=0) - first.amin(dim=0)).max() < 1
        assert gray == training
