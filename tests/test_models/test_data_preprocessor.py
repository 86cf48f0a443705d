# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmseg.structures import SegDataSample

from mmluss.models import MultiCropDataPreProcessor

MEAN, STD, CROP_STD = [10.0, 20.0, 30.0], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]


@pytest.fixture
def preprocessor() -> MultiCropDataPreProcessor:
    return MultiCropDataPreProcessor(crop_std=CROP_STD, mean=MEAN, std=STD, bgr_to_rgb=True)


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


def test_nothing_of_it_is_in_a_checkpoint(preprocessor):
    assert preprocessor.state_dict() == {}


def test_unstacked_crops_are_refused(preprocessor):
    crops = [[torch.zeros(3, 8, 8)], [torch.zeros(3, 8, 8)]]
    with pytest.raises(TypeError, match=r"set collate_fn=dict\(type='default_collate'\)"):
        preprocessor(dict(inputs=dict(crops=crops)))
