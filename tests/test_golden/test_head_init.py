# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""How what no checkpoint fills starts, in the models that the configs build."""

import math
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass
from tests.helpers.small_runs import CONFIGS
from tests.test_golden.conftest import stored_names
from tests.test_golden.semi_models import our_names, publish, semi_model

LEAVES = {
    "finetune": "pass/pass-finetune_{}_imagenets{}.py",
    "pixelattn": "pass/pass-pixel-attention_{}_imagenets{}.py",
    "pretrain": "pass/pass-pretrain_{}_imagenets{}.py",
}


def initialized(name: str, sizes: dict[str, int]) -> dict[str, torch.Tensor]:
    """Parameters with published names of the model that a stored key stands for."""
    init_default_scope("mmseg")
    kind, _, rest = name.partition("_")
    if kind == "semi":
        arch, outputs = re.fullmatch(r"(\w+)_n(\d+)", rest).groups()
        model = semi_model(arch.removeprefix("rfconvnext_tiny_"), int(outputs))
        rename = publish(our_names(sizes))
    else:
        arch = rest.split("_")[0]
        schedule = {"r18": "8xb32-200e", "r50": "8xb32-100e"}[arch] if kind == "pretrain" else "8xb32-20e"
        cfg = Config.fromfile(CONFIGS / LEAVES[kind].format(f"{arch}_{schedule}", {"r18": 50, "r50": 919}[arch])).model
        if kind == "finetune":
            cfg.backbone.init_cfg = None
            cfg.decode_head.num_classes = sizes["last_layer.bias"]
        if kind == "pixelattn":
            cfg.pretrained = None
        if kind == "pretrain":
            width = math.isqrt(sizes["predictor_head_pixel.0.weight"])
            cfg.update(num_prototypes=sizes["prototypes.weight"] // width, embedding_dim=width)
        model = MODELS.build(cfg)
        rename = mmluss_to_pass
    model.init_weights()
    return rename(dict(model.named_parameters()))


@pytest.mark.golden_kind("head_init")
def test_distribution_of_every_new_parameter(case):
    torch.manual_seed(0)
    stored = case.arrays
    for name in case.settings["models"]:
        names = stored_names(stored[f"{name}_names"])
        sizes = dict(zip(names, map(int, stored[f"{name}_numel"]), strict=True))
        parameters = initialized(name, sizes)
        expected = [entry for entry in case.settings["parameters"] if entry["model"] == name]
        assert expected
        for entry in expected:
            value = parameters[entry["name"]].detach().double()
            what = f"{name} {entry['name']}"
            assert value.numel() == entry["numel"], what
            if entry["distribution"] == "constant":
                assert (value == entry["value"]).all(), what
                continue
            std = entry["std"]
            assert abs(float(value.std(correction=0)) / std - 1) <= entry["std_rel_tolerance"], what
            assert abs(float(value.mean())) <= 5 * std / math.sqrt(value.numel()), what
            if entry["distribution"] == "uniform":
                assert float(value.abs().max()) <= entry["bound"] * (1 + 1e-6), what
                assert float(value.norm()) > 0 and len(value.unique()) > 1, what


@pytest.mark.golden_kind("head_init")
def test_every_convolution_of_a_residual_network_starts_by_its_fan_out(case):
    """Not the heads alone: stored statistics of all convolutions against ours."""
    torch.manual_seed(0)
    stored = case.arrays
    for name in case.settings["models"]:
        if "vit" in name or "convnext" in name:
            continue
        names = stored_names(stored[f"{name}_names"])
        sizes = dict(zip(names, map(int, stored[f"{name}_numel"]), strict=True))
        parameters = initialized(name, sizes)
        compared = 0
        for index, parameter in enumerate(names):
            value = parameters[parameter].detach()
            if value.ndim != 4:
                continue
            std = float(stored[f"{name}_stats"][:, index, 1].mean())
            assert float(value.std()) == pytest.approx(std, rel=max(0.05, 4 / math.sqrt(value.numel()))), parameter
            compared += 1
        assert compared > 10
