# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmluss.models import LUSSDataPreProcessor

MEAN, STD, CROP_STD = [10.0, 20.0, 30.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]


@pytest.fixture
def preprocessor() -> LUSSDataPreProcessor:
    return LUSSDataPreProcessor(crop_std=CROP_STD, mean=MEAN, std=STD, bgr_to_rgb=True)


def column(values: list[float]) -> torch.Tensor:
    return torch.tensor(values).view(3, 1, 1)


def test_crops(preprocessor):
    crops = [torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8) for size in (8, 8, 4)]
    grid = torch.rand(2, 2, 7, 7, 2)
    data = preprocessor(dict(inputs=dict(crops=crops, grid=grid)), training=True)
    for crop, converted in zip(crops, data["inputs"]["crops"], strict=True):
        expected = (crop.flip(1).float() - column(MEAN)) / column(CROP_STD)
        torch.testing.assert_close(converted, expected)
    assert torch.equal(data["inputs"]["grid"], grid)
    assert data["data_samples"] is None


def test_ordinary_images_use_the_ordinary_deviation(preprocessor):
    image = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    data = preprocessor(dict(inputs=[image], data_samples=[SegDataSample()]), training=False)
    torch.testing.assert_close(data["inputs"][0], (image.flip(0).float() - column(MEAN)) / column(STD))


@pytest.mark.parametrize(
    "order", [dict(bgr_to_rgb=True), dict(bgr_to_rgb=False, rgb_to_bgr=True), dict(bgr_to_rgb=False)]
)
@pytest.mark.parametrize("sides", [[(6, 7), (6, 7)], [(6, 7), (5, 8)]])
def test_images_are_normalized_as_mmseg_does(order, sides):
    torch.manual_seed(0)
    images = [torch.randint(0, 256, (3, *side), dtype=torch.uint8) for side in sides]
    batches = []
    for kind in ("LUSSDataPreProcessor", "SegDataPreProcessor"):
        samples = [SegDataSample(gt_sem_seg=PixelData(data=torch.ones(1, *side))) for side in sides]
        preprocessor = MODELS.build(dict(type=kind, mean=MEAN, std=STD, seg_pad_val=1000, size_divisor=4, **order))
        data = preprocessor(dict(inputs=[image.clone() for image in images], data_samples=samples), training=True)
        batches.append([data["inputs"], *[sample.gt_sem_seg.data for sample in data["data_samples"]]])
    for found, expected in zip(*batches, strict=True):
        assert torch.equal(found, expected)


def test_nothing_of_it_is_in_a_checkpoint(preprocessor):
    assert preprocessor.state_dict() == {}


def test_unstacked_crops_are_refused(preprocessor):
    crops = [[torch.zeros(3, 8, 8)], [torch.zeros(3, 8, 8)]]
    with pytest.raises(TypeError, match=r"set collate_fn=dict\(type='multi_crop_collate'\)"):
        preprocessor(dict(inputs=dict(crops=crops)))


def test_defaults_are_those_of_imagenet(preprocessor):
    defaults = MODELS.build(dict(type="LUSSDataPreProcessor"))
    image = torch.randint(0, 256, (3, 6, 7), dtype=torch.uint8)
    mean, std = column([123.675, 116.28, 103.53]), column([58.395, 57.12, 57.375])
    expected = (image.flip(0).float() - mean) / std
    data = defaults(dict(inputs=[image], data_samples=[SegDataSample()]), training=False)
    torch.testing.assert_close(data["inputs"][0], expected)
    data = defaults(dict(inputs=dict(crops=[image[None]])), training=True)
    torch.testing.assert_close(data["inputs"]["crops"][0][0], expected)


@pytest.mark.parametrize("size", [{}, dict(size_divisor=4), dict(size=(9, 10))])
def test_padding_of_labels_is_ignored(size):
    samples = [SegDataSample(gt_sem_seg=PixelData(data=torch.ones(1, *side))) for side in [(5, 8), (6, 7)]]
    images = [torch.zeros(3, *sample.gt_sem_seg.data.shape[1:], dtype=torch.uint8) for sample in samples]
    data = LUSSDataPreProcessor(**size)(dict(inputs=images, data_samples=samples), training=True)
    height, width = size.get("size", (8, 8) if size else (6, 8))
    assert data["inputs"].shape == (2, 3, height, width)
    labels = torch.stack([sample.gt_sem_seg.data for sample in data["data_samples"]])
    assert (labels == 1).sum() == 5 * 8 + 6 * 7
    assert (labels == 1000).sum() == 2 * height * width - 5 * 8 - 6 * 7


def test_former_name_still_works():
    with pytest.warns(FutureWarning, match="LUSSDataPreProcessor"):
        former = MODELS.build(dict(type="MultiCropDataPreProcessor", mean=MEAN, std=STD))
    assert isinstance(former, LUSSDataPreProcessor)
    assert not former.reverses_channels and former.seg_pad_val == 255
    assert former.mean.flatten().tolist() == MEAN and former.crop_std.flatten().tolist() == STD


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(rgb_to_bgr=True), "rgb_to_bgr=True goes with bgr_to_rgb=False"),
        (dict(test_cfg=dict(size_divisor=64)), "test_cfg would pad images"),
    ],
)
def test_settings_that_would_give_wrong_images(settings, message):
    with pytest.raises(ValueError, match=message):
        LUSSDataPreProcessor(**settings)
