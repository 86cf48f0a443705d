# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from types import SimpleNamespace

import pytest
import torch

from mmluss.engine.hooks import ResumableRFSearchHook
from mmluss.models.backbones.rf_convnext import RFConvNeXt

EPOCH = 3


def start(**hook):
    torch.manual_seed(0)
    arch = dict(depths=[1, 1, 1, 1], channels=[4, 4, 8, 8])
    backbone = RFConvNeXt(mode="search", arch=arch, gap_before_final_norm=False)
    backbone.eval()
    messages = []
    runner = SimpleNamespace(
        model=torch.nn.ModuleDict({"backbone": backbone}),
        iter=0,
        train_dataloader=range(EPOCH),
        logger=SimpleNamespace(info=messages.append),
        messages=messages,
    )
    hook = ResumableRFSearchHook(**hook)
    hook.before_train(runner)
    return hook, runner


def train(hook, runner, iterations):
    """Iterations in which the outermost branches win."""
    for iteration in iterations:
        runner.iter = iteration
        generator = torch.Generator().manual_seed(iteration)
        for convolution in runner.model["backbone"].convolutions().values():
            convolution.branch_weights.data = torch.rand(3, generator=generator) * torch.tensor([0.1, 0.1, 1.0])
            convolution.branch_weights.data[len(convolution.dilations) - 1] = 3
        hook.before_train_iter(runner, iteration % EPOCH)


def dilations(runner):
    return [convolution.dilations for convolution in runner.model["backbone"].convolutions().values()]


@pytest.mark.parametrize("interval, max_steps, expected", [(1, 3, [3, 6, 9]), (2, 1, [6]), (3, 2, [9])])
def test_steps_end_epochs(interval, max_steps, expected):
    hook, runner = start(interval=interval, max_steps=max_steps)
    stepped = []
    for iteration in range(12):
        before = len(runner.messages)
        train(hook, runner, [iteration])
        if len(runner.messages) > before:
            stepped.append(iteration + 1)
    assert stepped == expected
    assert f"step {len(expected)} of {max_steps}" in runner.messages[-1]


def test_a_resumed_search_finds_the_same(tmp_path):
    hook, whole = start(interval=1)
    train(hook, whole, range(4))
    torch.save(whole.model.state_dict(), tmp_path / "checkpoint.pth")
    middle = dilations(whole)
    train(hook, whole, range(4, 12))
    assert dilations(whole) != middle

    hook, resumed = start(interval=1)
    resumed.model.load_state_dict(torch.load(tmp_path / "checkpoint.pth", weights_only=True))
    assert dilations(resumed) == middle
    train(hook, resumed, range(4, 12))
    assert dilations(resumed) == dilations(whole)
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(resumed.model["backbone"](images), whole.model["backbone"](images), rtol=0, atol=0)


def test_other_models_are_refused():
    hook, runner = start()
    runner.model = torch.nn.ModuleDict({"backbone": torch.nn.Conv2d(3, 3, 1)})
    with pytest.raises(ValueError, match="RFConvNeXt"):
        hook.before_train(runner)
