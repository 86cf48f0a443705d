# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""mmengine's EMAHook keeps an averaged copy of the models of steps 1 and 2.1 while their queues fill."""

import copy

import pytest
import torch
from mmengine.model import ExponentialMovingAverage

from mmluss.models import PASSPretrainer, PixelAttentionSegmentor

SIZES = dict(
    backbone=dict(type="mmpretrain.ResNet", depth=18, base_channels=8, stem_channels=8, out_indices=(2, 3)),
    hidden_channels=12,
    embedding_dim=6,
    num_prototypes=10,
    queue=dict(length=8),
)


@pytest.mark.parametrize("model_class", [PASSPretrainer, PixelAttentionSegmentor])
def test_average_follows_the_model_while_its_queue_fills(model_class):
    torch.manual_seed(0)
    model = model_class(**SIZES).train()
    model.queue.active = True
    average = ExponentialMovingAverage(model, momentum=0.5)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    expected = None
    for _ in range(4):
        crops, grid = [torch.randn(4, 3, 32, 32) for _ in range(2)], torch.zeros(4, 2, 3, 3, 2)
        losses = model.loss(crops, grid) if model_class is PASSPretrainer else model.loss(dict(crops=crops))
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        average.update_parameters(model)
        now = model.prototypes.weight.detach().clone()
        expected = now if expected is None else (expected + now) / 2
    assert model.queue.embeddings.shape == (2, 8, 6)
    torch.testing.assert_close(average.module.prototypes.weight, expected)
    resumed = model_class(**SIZES)
    resumed.load_state_dict(average.module.state_dict())
    full = copy.deepcopy(resumed)
    full.load_state_dict(model.state_dict())
    assert torch.equal(full.queue.embeddings, model.queue.embeddings)
