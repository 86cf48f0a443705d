# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from torch import nn

import mmluss  # noqa: F401
from mmluss.engine.optimizers import LARC
from mmluss.models import LinearHead, NormalConv, PixelAttentionHead, PixelShuffleHead
from mmluss.models.pretraining.projectors import PixelPredictor


def assert_uniform(bias: torch.Tensor, inputs: int) -> None:
    bound = inputs**-0.5
    assert float(bias.abs().max()) <= bound * (1 + 1e-6)
    assert float(bias.std()) == pytest.approx(bound / 3**0.5, rel=0.2)


@pytest.mark.parametrize("std", [None, 2e-5])
def test_weights_and_biases_of_convolutions(std):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(32, 600, 3, groups=4), nn.BatchNorm2d(600), nn.Linear(600, 8))
    linear = module[2].weight.detach().clone()
    with torch.no_grad():
        module[0].bias.zero_()
    NormalConv(std)(module)
    expected = (2 / (600 * 9)) ** 0.5 if std is None else std
    assert float(module[0].weight.std()) == pytest.approx(expected, rel=0.05)
    assert_uniform(module[0].bias, 32 * 9 // 4)
    assert torch.equal(module[2].weight, linear)


@pytest.mark.parametrize("num_classes", [51, 301, 920])
def test_classifier(num_classes):
    torch.manual_seed(0)
    head = LinearHead(64, num_classes)
    head.init_weights()
    assert float(head.conv_seg.weight.std()) == pytest.approx((2 / num_classes) ** 0.5, rel=0.05)
    assert_uniform(head.conv_seg.bias, 64)


def test_classifier_takes_another_initialization():
    head = LinearHead(64, 301, init_cfg=dict(type="NormalConv", std=2e-5))
    head.init_weights()
    assert float(head.conv_seg.weight.std()) == pytest.approx(2e-5, rel=0.05)
    assert_uniform(head.conv_seg.bias, 64)


def test_head_of_patches():
    head = PixelShuffleHead(64, 21)
    head.init_weights()
    assert float(head.patch_conv.weight.std()) == pytest.approx(0.02, rel=0.05)
    assert not head.patch_conv.bias.any()


@pytest.mark.parametrize("module, layers", [(PixelAttentionHead(200), (0, 3)), (PixelPredictor(200), (3,))])
def test_convolutions_with_a_bias(module, layers):
    torch.manual_seed(0)
    module.init_weights()
    for layer in layers:
        assert float(module.layers[layer].weight.std()) == pytest.approx(0.1, rel=0.05)
        assert_uniform(module.layers[layer].bias, 200)


def test_first_step_of_larc_hardly_moves_the_bias():
    torch.manual_seed(0)
    head = LinearHead(64, 51)
    head.init_weights()
    bias = head.conv_seg.bias
    start = bias.detach().clone()
    optimizer = LARC(head.parameters(), lr=0.6)
    logits = head((torch.rand(2, 64, 4, 4),))
    nn.functional.cross_entropy(logits, torch.zeros(2, 4, 4, dtype=torch.long)).backward()
    optimizer.step()
    moved = float((bias - start).norm() / start.norm())
    assert 0 < moved < 0.01
