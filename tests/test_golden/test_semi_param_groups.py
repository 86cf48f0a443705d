# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from mmengine.optim import build_optim_wrapper

from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss
from mmluss.engine.schedulers.warmup_cosine import WarmupCosineLR, warmup_cosine
from mmluss.models import LUSSSegmentor

EPOCH_LENGTH = 1000
"""Iterations an epoch: the stored epochs are whole multiples of its inverse."""


def optimizer_settings(model, decay_rate: float, weight_decay: float, lr: float) -> dict[str, tuple]:
    """name -> (scale of the learning rate, weight decay, number of the group)."""
    wrapper = build_optim_wrapper(
        model,
        dict(
            type="OptimWrapper",
            optimizer=dict(type="AdamW", lr=lr, weight_decay=weight_decay),
            constructor="mmseg.LayerDecayOptimWrapperConstructor",
            paramwise_cfg=dict(decay_rate=decay_rate),
        ),
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"] / lr, group["weight_decay"], number)
        for number, group in enumerate(wrapper.optimizer.param_groups)
        for parameter in group["params"]
    }


@pytest.mark.golden_kind("semi_param_groups")
def test_scale_and_weight_decay_of_every_parameter(case, resnet_config):
    stored = case.arrays
    lr = case.settings["schedule"]["lr"]
    for settings in case.settings["models"]:
        arch = settings["model"]
        model = LUSSSegmentor(
            backbone=resnet_config(arch), decode_head=dict(type="LinearHead", num_classes=settings.get("nb_classes", 5))
        )
        computed = optimizer_settings(model, settings["layer_decay"], settings["weight_decay"], lr)
        published = stored[f"{arch}_names"].tobytes().decode().splitlines()
        head = torch.zeros(1, 1, 1, 1)
        renamed = imagenetseg_to_mmluss(dict.fromkeys(published, head))
        assert renamed.keys() == computed.keys()
        scales, decays, groups = zip(*(computed[name] for name in renamed), strict=True)
        np.testing.assert_allclose(scales, stored[f"{arch}_lr_scale"], rtol=1e-9)
        np.testing.assert_array_equal(decays, stored[f"{arch}_weight_decay"])
        same_group = np.equal.outer(groups, groups)
        expected = stored[f"{arch}_group"]
        np.testing.assert_array_equal(same_group, np.equal.outer(expected, expected))


@pytest.mark.golden_kind("semi_param_groups")
def test_learning_rate_at_given_epochs(case):
    stored, schedule = case.arrays, case.settings["schedule"]
    lr = schedule["blr"] * schedule["batch"] * schedule["accum"] * schedule["world"] / 256
    scales = stored["sched_lr"][-1] / stored["sched_lr"][-1, 0]
    expected = [
        [warmup_cosine(epoch, lr * s, schedule["min_lr"] * s, schedule["warm"], schedule["epochs"]) for s in scales]
        for epoch in stored["sched_epoch"]
    ]
    np.testing.assert_allclose(expected, stored["sched_lr"], rtol=1e-9)
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in scales]
    optimizer = torch.optim.SGD(
        [dict(params=[p], lr=lr * s, lr_scale=s) for p, s in zip(parameters, scales, strict=True)], lr=lr
    )
    scheduler = WarmupCosineLR.build_iter_from_epoch(
        optimizer,
        warmup=schedule["warm"],
        min_lr=schedule["min_lr"],
        end=schedule["epochs"],
        epoch_length=EPOCH_LENGTH,
    )
    rates = []
    for _ in range(schedule["epochs"] * EPOCH_LENGTH):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    steps = stored["sched_epoch"] * EPOCH_LENGTH
    np.testing.assert_allclose(steps, steps.round(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.array(rates)[steps.round().astype(int)], stored["sched_lr"], rtol=1e-9)
