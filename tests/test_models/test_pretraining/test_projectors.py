# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from torch import nn

from mmluss.models.pretraining.projectors import ImageProjector, PixelPredictor, PixelProjector, ShallowProjector


def layer_kinds(module: nn.Module) -> list[str]:
    names = {nn.Linear: "linear", nn.Conv2d: "conv", nn.ReLU: "relu"}
    kinds = []
    for layer in module.layers:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            kinds.append("bn" if layer.affine else "bn without affine")
        else:
            kinds.append(names[type(layer)] + (" with bias" if getattr(layer, "bias", None) is not None else ""))
    return kinds


def test_image_projector():
    projector = ImageProjector(6, 8, 4)
    assert layer_kinds(projector) == ["linear with bias", "bn", "relu", "linear with bias", "bn without affine"]
    assert projector(torch.randn(5, 6)).shape == (5, 4)


def test_pixel_projector():
    projector = PixelProjector(6, 8, 4)
    assert layer_kinds(projector) == ["conv", "bn", "relu", "conv", "bn", "relu", "conv", "bn without affine"]
    assert projector(torch.randn(2, 6, 3, 5)).shape == (2, 4, 3, 5)


def test_pixel_predictor():
    predictor = PixelPredictor(4)
    assert layer_kinds(predictor) == ["conv", "bn", "relu", "conv with bias"]
    assert predictor(torch.randn(2, 4, 3, 5)).shape == (2, 4, 3, 5)


def test_shallow_projector_pools_between_its_parts():
    projector, feature_map = ShallowProjector(6, 8, 4).eval(), torch.randn(2, 6, 3, 5)
    expected = projector.image(projector.pixel(feature_map).mean(dim=(2, 3)))
    assert projector.pixel(feature_map).shape == (2, 6, 3, 5)
    torch.testing.assert_close(projector(feature_map), expected)


@pytest.mark.parametrize("build", [lambda: PixelProjector(6, 400, 4), lambda: PixelPredictor(400)])
def test_convolutions_are_initialized_by_fan_out(build):
    module = build()
    module.init_weights()
    convolution = next(layer for layer in module.layers if isinstance(layer, nn.Conv2d))
    assert float(convolution.weight.std()) == pytest.approx((2 / convolution.out_channels) ** 0.5, rel=0.1)
