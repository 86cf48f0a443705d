# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Arithmetic and recipe of receptive-field searches."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmluss.engine.hooks import ResumableRFSearchHook
from mmluss.models.backbones.receptive_field import (
    BranchedConv2d,
    estimated_dilation,
    expanded_dilations,
    merge_branches,
)
from tests.test_golden.semi_models import ROWS, semi_config, semi_model


def pairs(rows: np.ndarray) -> list[tuple[int, int]]:
    return [(int(down), int(right)) for down, right in rows]


@pytest.mark.golden_kind("rf_schedule")
def test_expansion(case):
    stored, compared = case.arrays, 0
    for key in stored:
        match = re.fullmatch(r"expand_b(\d+)_r([\d.]+)_rates", key)
        if match:
            counts = stored[key.replace("_rates", "_count")]
            for middle, rates, count in zip(pairs(stored["expand_dilation"]), stored[key], counts, strict=True):
                found = expanded_dilations(middle, int(match[1]), float(match[2]))
                assert found == pairs(rates[:count]), (key, middle)
                compared += 1
    assert compared


@pytest.mark.golden_kind("rf_schedule")
def test_estimation(case):
    stored = case.arrays
    rows = (stored[f"estimate_{name}"] for name in ("rates", "weights", "count", "dilation"))
    for rates, weights, count, expected in zip(*rows, strict=True):
        found = estimated_dilation(pairs(rates[:count]), torch.from_numpy(weights[:count]))
        assert found == tuple(expected)


@pytest.mark.golden_kind("rf_schedule")
def test_steps_of_a_search(case):
    """The hook at every iteration, with branch weights set in between as training would."""
    stored, settings = case.arrays, case.settings
    interval, steps = settings["interval"], settings["steps"]
    columns = stored["search_set_weights"].shape[1]
    for row in range(len(stored["search_rates"])):
        model = semi_model("rfsearch", 3, arch=dict(depths=[1, 1, 1, 1], channels=[2, 2, 2, 2]))
        convolution = model.backbone.stages[0][0].depthwise_conv
        hook = ResumableRFSearchHook(interval=1, max_steps=steps)
        runner = SimpleNamespace(
            model=model,
            train_dataloader=range(interval),
            iter=0,
            logger=SimpleNamespace(info=lambda text: None),
        )
        hook.before_train(runner)
        for column in range(columns + 1):
            rates = stored["search_rates"][row, column][: stored["search_num_rates"][row, column]]
            assert convolution.dilations == pairs(rates)
            weights = convolution.branch_weights.detach()
            np.testing.assert_array_equal(weights, stored["search_weights"][row, column])
            if column < columns:
                convolution.branch_weights.data = torch.from_numpy(stored["search_set_weights"][row, column])
                hook.before_train_iter(runner, column)
                runner.iter += 1


@pytest.mark.golden_kind("rf_schedule")
def test_convolutions(case):
    stored = case.arrays
    x = torch.from_numpy(stored["conv_x"])
    limit = dict(rtol=0, atol=case.limit("convI_y"))
    for index in range(len([key for key in stored if re.fullmatch(r"conv\d+_weight", key)])):
        part = {key.split("_", 1)[1]: value for key, value in stored.items() if key.startswith(f"conv{index}_")}
        channels, _, kernel, _ = part["weight"].shape
        weights = {name: torch.from_numpy(part[name]) for name in ("weight", "bias")}

        def output(convolution, expected, limit=limit):
            np.testing.assert_allclose(convolution(x).detach(), expected, **limit)

        convolution = BranchedConv2d(channels, kernel)
        convolution.load_state_dict(weights, strict=False)
        convolution.set_dilations(pairs(part["searched_rates"]))
        convolution.branch_weights.data = torch.from_numpy(part["searched_weights"])
        output(convolution, part["search_y"])
        convolution.estimate()
        assert convolution.dilation == tuple(part["single_dilation"])
        output(convolution, part["single_y"])
        convolution.expand(expand_rate=case.settings["modes"]["rfmultiple"]["expand_rate"])
        assert convolution.dilations == pairs(part["multiple_rates"])
        np.testing.assert_array_equal(convolution.branch_weights.detach(), part["multiple_weights"])
        output(convolution, part["multiple_y"])
        convolution.branch_weights.data = torch.from_numpy(part["trained_weights"])
        output(convolution, part["trained_y"])

        merged = BranchedConv2d(channels, kernel)
        merge_branches(merged, convolution.dilations)
        merged.load_state_dict(convolution.state_dict())
        assert merged.padding == tuple(part["merged_padding"])
        np.testing.assert_allclose(
            merged.weight.detach(), part["merged_weight"], rtol=0, atol=case.limit("merged_weight")
        )
        output(merged, part["merged_y"])
        again = BranchedConv2d(channels, kernel)
        again.load_state_dict(merged.state_dict())
        output(again, part["merged_y"])


@pytest.mark.golden_kind("rf_schedule")
@pytest.mark.parametrize("mode", ["convnext_tiny", "rfsearch", "rfsingle", "rfmultiple", "rfmerge"])
def test_recipe_in_the_configs(case, mode):
    facts, cfg = case.settings["modes"][mode], semi_config(mode)
    optimizer, paramwise = cfg.optim_wrapper.optimizer, cfg.optim_wrapper.paramwise_cfg
    assert optimizer.lr == facts["base_lr_256"]
    assert optimizer.weight_decay == facts["weight_decay"]
    decays = [paramwise.decay_rate, paramwise.get("changed_decay_rate")]
    assert [decay for decay in decays if decay is not None] == facts["layer_decay"]
    factors = [1.0, paramwise.get("changed_lr_mult")]
    assert [factor for factor in factors if factor is not None] == facts["lr_multiplier"]
    [schedule] = cfg.param_scheduler
    assert (schedule.min_lr, schedule.warmup) == (facts["min_lr"], facts["warmup_epochs"])
    assert cfg.train_cfg.max_epochs == facts["epochs"]
    assert cfg.auto_scale_lr.base_batch_size == facts["batch"]
    assert cfg.model.decode_head.patch_size == facts["head_upsampling"]
    backbone = cfg.model.backbone
    assert backbone.drop_path_rate == facts["drop_path"]
    assert backbone.init_cfg.fresh_final_norm
    if mode == "rfmerge":
        assert ROWS["rfmultiple"] in backbone.init_cfg.checkpoint
    else:
        assert backbone.init_cfg.checkpoint == "checkpoints/convnext_tiny_1k_224_ema.pth"
    if mode == "convnext_tiny":
        return
    source = facts["structure_from"]
    assert source is None or ROWS[source] in backbone.structure_file
    model = semi_model(mode, 3)
    convolutions = model.backbone.convolutions()
    assert len(convolutions) == facts["convolutions"]
    for convolution in convolutions.values():
        assert len(convolution.branch_weights) == facts["num_branches"]
        assert convolution.branch_weight == pytest.approx(facts["init_weight"])
        assert convolution.branch_weights.requires_grad == facts["branch_weights_trained"]
        assert convolution.kernel_size == (facts["kernel"],) * 2
    assert model.backbone.expand_rate == facts["expand_rate"]
    if mode == "rfsearch":
        hook = cfg.default_hooks.rf_search
        assert (hook.interval, hook.max_steps) == (facts["search_interval_epochs"], facts["search_steps"])
        ends = [hook.interval * step for step in range(1, hook.max_steps + 1)]
        assert ends == facts["steps_at_end_of_epoch"]
        rest = cfg.train_cfg.max_epochs - ends[-1]
        assert rest == facts["epochs_with_learnt_branch_weights_after"]
        first = {down for convolution in convolutions.values() for down, _ in convolution.dilations}
        assert sorted(first) == facts["first_branches"]
    else:
        assert "rf_search" not in cfg.default_hooks


@pytest.mark.golden_kind("rf_schedule")
@pytest.mark.parametrize("mode", ["convnext_tiny", "rfmultiple"])
def test_drop_path_rises_linearly(case, mode):
    backbone = semi_model(mode, 3).backbone
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for stage in backbone.stages for block in stage]
    np.testing.assert_allclose(rates, np.linspace(0, case.settings["modes"][mode]["drop_path"], 18), atol=1e-6)
