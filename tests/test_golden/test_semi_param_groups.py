# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from mmengine.optim import build_optim_wrapper

from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss
from mmluss.engine.schedulers.warmup_cosine import WarmupCosineLR, warmup_cosine
from mmluss.models import LUSSSegmentor
from tests.test_golden.conftest import stored_names
from tests.test_golden.semi_models import our_names, semi_model
from tests.test_golden.structures import structure_file

EPOCH_LENGTH = 1000
"""Iterations an epoch: the stored epochs are whole multiples of its inverse."""


def optimizer_settings(model, paramwise: dict, weight_decay: float, lr: float) -> dict[str, tuple]:
    """name -> (scale of the learning rate, weight decay, number of the group)."""
    wrapper = build_optim_wrapper(
        model,
        dict(
            type="OptimWrapper",
            optimizer=dict(type="AdamW", lr=lr, weight_decay=weight_decay),
            constructor="mmseg.LayerDecayOptimWrapperConstructor",
            paramwise_cfg=paramwise,
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
        computed = optimizer_settings(model, dict(decay_rate=settings["layer_decay"]), settings["weight_decay"], lr)
        published = stored[f"{arch}_names"].tobytes().decode().splitlines()
        head = torch.zeros(1, 1, 1, 1)
        renamed = imagenetseg_to_mmluss(dict.fromkeys(published, head))
        assert renamed.keys() == computed.keys()
        scales, decays, groups = zip(*(computed[name] for name in renamed), strict=True)
        np.testing.assert_allclose(scales, stored[f"{arch}_lr_scale"], rtol=case.limit("lr_scale"))
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
    np.testing.assert_allclose(expected, stored["sched_lr"], rtol=case.limit("sched_lr"))
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
    np.testing.assert_allclose(
        np.array(rates)[steps.round().astype(int)], stored["sched_lr"], rtol=case.limit("sched_lr")
    )


def paramwise(settings: dict) -> dict:
    """Decays and factors of a stored model in the words of the constructor."""
    decays, factors = settings["layer_decay"], settings["layer_multiplier"]
    assert factors[0] == 1
    if len(decays) == 1:
        return dict(decay_rate=decays[0])
    return dict(decay_rate=decays[0], changed_decay_rate=decays[1], changed_lr_mult=factors[1])


@pytest.mark.golden_kind("semi_param_groups_convnext", "semi_param_groups_vit")
def test_transformers_and_convnexts(case, tmp_path):
    stored = case.arrays
    lr = case.settings.get("schedule_lr", 5e-4)
    for settings in case.settings["models"]:
        name = settings["model"]
        trained, frozen = (stored_names(stored[f"{name}_{part}names"]) for part in ("", "frozen_"))
        structure = {}
        if name.startswith("rf"):
            structure["structure_file"] = None
            convolutions = stored_names(stored["conv_names"])
        if name in ("rfsingle", "rfmultiple"):
            structure["structure_file"] = structure_file(tmp_path / "search.pth", stored, "searched", convolutions)
        if name == "rfmerge":
            multiple = {f"multiple_{part}": stored[f"rfmultiple_{part}"] for part in ("rates", "num_rates")} | dict(
                multiple_sample_weights=stored["trained_multiple_sample_weights"]
            )
            structure["structure_file"] = structure_file(tmp_path / "multiple.pth", multiple, "multiple", convolutions)
        model = semi_model(name, settings["nb_classes"], **structure)
        names = our_names([*trained, *frozen])
        computed = optimizer_settings(model, paramwise(settings), settings["weight_decay"], lr)
        # Branch weights that a merged convolution does not use get no gradient; ours are frozen.
        unused = {our for our in names if name == "rfmerge" and our.endswith(".branch_weights")}
        expected = {our: published for our, published in names.items() if published in set(trained)}
        assert computed.keys() == expected.keys() - unused
        position = {name: index for index, name in enumerate(trained)}
        rows = [position[expected[our]] for our in computed]
        scales, decays, groups = zip(*computed.values(), strict=True)
        np.testing.assert_allclose(scales, stored[f"{name}_lr_scale"][rows], rtol=case.limit("lr_scale"))
        np.testing.assert_array_equal(decays, stored[f"{name}_weight_decay"][rows])
        group = stored[f"{name}_group"][rows]
        np.testing.assert_array_equal(np.equal.outer(groups, groups), np.equal.outer(group, group))
        if not name.startswith("rf"):
            continue
        changed = set(stored_names(stored[f"{name}_changed_names"]))
        own = {f"backbone.{one}" for one in model.backbone.changed_parameters()}
        assert {names[our] for our in own if not our.endswith(".branch_weights")} == {
            one for one in changed if not one.endswith(".sample_weights")
        }
        for row, convolution in enumerate(model.backbone.convolutions().values()):
            for attribute in ("dilation", "kernel_size", "padding"):
                assert getattr(convolution, attribute) == tuple(stored[f"{name}_{attribute}"][row])
            np.testing.assert_allclose(
                convolution.branch_weights.detach(), stored[f"{name}_sample_weights"][row], rtol=1e-6
            )
            count = stored[f"{name}_num_rates"][row]
            if name != "rfmerge":
                assert convolution.dilations == [tuple(rate) for rate in stored[f"{name}_rates"][row, :count]]
