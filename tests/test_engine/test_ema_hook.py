# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""mmengine's EMAHook, with each of its options, in short runs of steps 1, 2.1 and 3."""

import math

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from torch import Tensor

from tests.helpers.small_runs import small_config, write_data

STEPS = {
    "pretrain": "pass/pass-pretrain_r18_8xb32-200e_imagenets50.py",
    "pixel_attention": "pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py",
    "finetune": "pass/pass-finetune_r18_8xb32-20e_imagenets50.py",
}
pytestmark = pytest.mark.slow
BATCH, ITERATIONS = 2, 6
WEIGHTS = {
    "pretrain": "prototypes.weight",
    "pixel_attention": "prototypes.weight",
    "finetune": "decode_head.conv_seg.weight",
}


class Recorder(Hook):
    """Keeps a weight of the model after each iteration; EMAHook is through with it then."""

    priority = "LOWEST"

    def __init__(self, name: str) -> None:
        self.name, self.weights = name, []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.weights.append(runner.model.state_dict()[self.name].clone())


def exponential(weights: list[Tensor], begin: int = 1, interval: int = 1, momentum=lambda step: 0.0002) -> Tensor:
    """What mmengine documents, in other words: the first of the weights that count, and then a little of the others."""
    average = weights[begin - 1]
    for step, weight in enumerate(weights[begin:], start=1):
        if step % interval == 0:
            average = torch.lerp(average, weight, momentum(step))
    return average


OPTIONS = {
    "defaults": ({}, exponential),
    "interval": (
        dict(momentum=0.4, interval=2, device="cpu"),
        lambda weights: exponential(weights, interval=2, momentum=lambda step: 0.4),
    ),
    "begin_epoch": (
        dict(momentum=0.4, begin_epoch=2, strict_load=True),
        lambda weights: exponential(weights, begin=4, momentum=lambda step: 0.4),
    ),
    "update_buffers": (
        dict(momentum=0.4, update_buffers=True, begin_iter=3),
        lambda weights: exponential(weights, begin=3, momentum=lambda step: 0.4),
    ),
    "plain_mean": (dict(ema_type="StochasticWeightAverage"), lambda weights: torch.stack(weights).mean(dim=0)),
    "annealing": (
        dict(ema_type="MomentumAnnealingEMA", momentum=0.1, gamma=3),
        lambda weights: exponential(weights, momentum=lambda step: max(0.1, 3 / (3 + step))),
    ),
}
RUNS = [
    (step, option) for step in STEPS for option in OPTIONS if step == "pretrain" or option not in list(OPTIONS)[-2:]
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_data(root)
    return root


def build(step: str, data, folder, ema: dict | None, resume: bool = False) -> Runner:
    cfg = small_config(STEPS[step], data, folder)
    cfg.train_dataloader.update(batch_size=BATCH)
    cfg.train_dataloader.dataset.indices = BATCH * ITERATIONS // 2
    cfg.train_cfg.update(max_epochs=2, val_interval=1)
    cfg.default_hooks.checkpoint.interval = 1
    if "prototypes" in cfg.default_hooks:
        cfg.default_hooks.prototypes.update(freeze_iters=0, queue_start_epoch=0)
        cfg.model.queue.length = 5
    cfg.custom_hooks = [] if ema is None else [dict(type="EMAHook", **ema)]
    cfg.resume = resume
    return Runner.from_cfg(cfg)


def tensors(state: dict) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.items()}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    different = [name for name in found if not torch.equal(found[name].nan_to_num(7), expected[name].nan_to_num(7))]
    assert not different


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    """The final weights of each step without an average."""
    results = {}

    def get(step: str) -> dict[str, Tensor]:
        if step not in results:
            runner = build(step, data, tmp_path_factory.mktemp(step), None)
            runner.train()
            results[step] = tensors(runner.model.state_dict())
        return results[step]

    return get


def averaged_model(runner: Runner) -> torch.nn.Module:
    return next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.module


@pytest.mark.parametrize(("step", "option"), RUNS)
def test_the_average_is_as_documented_and_training_goes_on_as_without_it(step, option, data, plain, tmp_path):
    settings, reference = OPTIONS[option]
    runner = build(step, data, tmp_path, settings)
    recorder = Recorder(WEIGHTS[step])
    runner.register_hook(recorder)
    runner.train()
    assert len(recorder.weights) == ITERATIONS
    expected = reference(recorder.weights)
    # Labels are made with the average, and so are the centroids and the threshold.
    trained, without = (
        {name: value for name, value in state.items() if name not in ("decode_head.centroids", "decode_head.threshold")}
        for state in (tensors(runner.model.state_dict()), plain(step))
    )
    assert_same(trained, without)
    average = averaged_model(runner).state_dict()[WEIGHTS[step]]
    torch.testing.assert_close(average, expected)
    saved = torch.load(tmp_path / "epoch_2.pth", map_location="cpu", weights_only=True)
    torch.testing.assert_close(saved["state_dict"][WEIGHTS[step]], expected)
    assert torch.equal(saved["ema_state_dict"]["module." + WEIGHTS[step]], recorder.weights[-1])
    if step == "pixel_attention":
        labeled = torch.load(tmp_path / "pixel_labels.pth", map_location="cpu", weights_only=True)["state_dict"]
        torch.testing.assert_close(labeled[WEIGHTS[step]], expected)
        assert len(labeled["decode_head.centroids"]) == 3
        assert math.isfinite(labeled["decode_head.threshold"])
    if step != "pretrain" and option == "update_buffers":
        assert 0 <= runner.test()["mIoU"] <= 100
    if step != "finetune":
        assert runner.model.queue.rows(0, BATCH) is not None


@pytest.mark.parametrize(
    ("step", "option"), [("pretrain", "begin_epoch"), *((step, "update_buffers") for step in STEPS)]
)
def test_a_resumed_average_equals_an_uninterrupted_one(step, option, data, tmp_path):
    settings, _ = OPTIONS[option]
    whole = build(step, data, tmp_path / "whole", settings)
    whole.train()
    first = build(step, data, tmp_path / "parts", settings)
    first.register_hook(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        first.train()
    resumed = build(step, data, tmp_path / "parts", settings, resume=True)
    resumed.train()
    assert resumed.iter == ITERATIONS
    assert_same(tensors(resumed.model.state_dict()), tensors(whole.model.state_dict()))
    assert_same(tensors(averaged_model(resumed).state_dict()), tensors(averaged_model(whole).state_dict()))


class Interrupt(Hook):
    """Stops at the start of the second epoch, when the checkpoint of the first is written."""

    priority = "VERY_HIGH"

    def before_train_epoch(self, runner) -> None:
        if runner.epoch == 1:
            raise KeyboardInterrupt
