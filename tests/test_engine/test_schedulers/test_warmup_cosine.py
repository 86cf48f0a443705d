# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import PARAM_SCHEDULERS

import mmluss  # noqa: F401
from mmluss.engine.schedulers.warmup_cosine import WarmupCosineLR, warmup_cosine


@pytest.mark.parametrize(
    "step, expected",
    [(0, 0.0), (1, 0.2), (4.5, 0.9), (5, 1.0), (10, 0.55), (15, 0.1), (20, 0.1)],
)
def test_values(step, expected):
    assert warmup_cosine(step, base=1.0, minimum=0.1, warmup=5, end=15) == pytest.approx(expected)


def test_no_warmup():
    assert warmup_cosine(0, 1.0, 0.0, 0, 4) == 1.0
    assert warmup_cosine(1, 1.0, 0.0, 0, 4) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


def optimizer(scales=(1.0, 0.25)):
    groups = [dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=0.1 * s, lr_scale=s) for s in scales]
    return torch.optim.SGD(groups, lr=0.1)


def rates(scheduler, wrapper, steps):
    values = []
    for _ in range(steps):
        values.append([group["lr"] for group in wrapper.optimizer.param_groups])
        wrapper.step()
        scheduler.step()
    return values


def test_each_iteration_of_an_epoch_has_its_rate_and_scale():
    wrapper = OptimWrapper(optimizer())
    scheduler = WarmupCosineLR.build_iter_from_epoch(wrapper, warmup=2, min_lr=0.01, end=6, epoch_length=3)
    for iteration, values in enumerate(rates(scheduler, wrapper, 18)):
        epoch = iteration / 3
        for value, scale in zip(values, (1.0, 0.25), strict=True):
            assert value == pytest.approx(scale * warmup_cosine(epoch, 0.1, 0.01, 2, 6), rel=1e-12)


def test_goes_on_from_its_state():
    config = dict(type="WarmupCosineLR", warmup=4, min_lr=0.0, end=12, by_epoch=False)
    wrapper = OptimWrapper(optimizer())
    whole = rates(PARAM_SCHEDULERS.build(dict(config, optimizer=wrapper)), wrapper, 12)
    wrapper = OptimWrapper(optimizer())
    first = PARAM_SCHEDULERS.build(dict(config, optimizer=wrapper))
    rates(first, wrapper, 5)
    state, optimizer_state = first.state_dict(), wrapper.state_dict()
    wrapper = OptimWrapper(optimizer())
    second = PARAM_SCHEDULERS.build(dict(config, optimizer=wrapper))
    wrapper.load_state_dict(optimizer_state)
    second.load_state_dict(state)
    assert rates(second, wrapper, 7) == whole[5:]
