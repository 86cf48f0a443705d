# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The first iterations of step 3's classifier, from stored weights and from its own."""

import numpy as np
import pytest
import torch

from mmluss.engine.optimizers import LARC
from mmluss.models import LinearHead
from tests.test_golden.semi_models import labeled

DRAWS = 9


def train(case, head: LinearHead) -> dict[str, np.ndarray]:
    """Run the stored iterations; losses and accuracies before each, norms after it."""
    stored, settings = case.arrays, case.settings
    stored_as, _, unit = settings["features"].partition(" / ")
    assert stored_as == "u8"
    features = torch.from_numpy(stored["features"]).float() / float(unit)
    optimizer = LARC(
        head.parameters(),
        lr=settings["base_lr"],
        momentum=settings["momentum"],
        weight_decay=settings["weight_decay"],
        trust_coefficient=settings["larc"]["trust_coefficient"],
        eps=settings["larc"]["eps"],
    )
    iterations = settings["iterations"]
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations, settings["final_lr"])
    weight, bias = head.conv_seg.weight, head.conv_seg.bias
    record = {name: [] for name in ("lr", "loss", "acc", "bias_norm", "weight_norm", "bias0", "bias_mean", "bias_step")}
    for iteration in range(iterations):
        batch = iteration % len(features)
        losses = head.loss_by_feat(head((features[batch],)), labeled(stored["label"][batch]))
        optimizer.zero_grad()
        losses["loss_ce"].backward()
        before = bias.detach().clone()
        record["lr"].append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        record["loss"].append(losses["loss_ce"])
        record["acc"].append(losses["acc_seg"])
        record["bias_norm"].append(bias.norm())
        record["weight_norm"].append(weight.norm())
        record["bias0"].append(bias[0].item())
        record["bias_mean"].append(bias[1:].mean())
        record["bias_step"].append((bias - before).norm())
    return {name: np.array([float(value) for value in values]) for name, values in record.items()}


def build(case, init: bool) -> LinearHead:
    head = LinearHead(case.arrays["features"].shape[2], case.settings["num_classes"] + 1)
    if init:
        head.init_weights()
    return head


@pytest.mark.golden_kind("finetune_first_steps")
def test_from_the_stored_weights(case):
    stored, head = case.arrays, build(case, init=False)
    with torch.no_grad():
        head.conv_seg.weight.copy_(torch.from_numpy(stored["init_weight"])[:, :, None, None])
        head.conv_seg.bias.copy_(torch.from_numpy(stored["init_bias"]))
    record = train(case, head)
    np.testing.assert_allclose(record["loss"], stored["loss"], rtol=0, atol=case.limit("loss"))
    np.testing.assert_allclose(record["acc"], stored["acc"], rtol=0, atol=case.limit("acc"))
    for name in ("bias_norm", "weight_norm", "lr"):
        np.testing.assert_allclose(record[name], stored[name], rtol=case.limit(name), err_msg=name)
    scale = stored["bias_norm"].max()
    for name in ("bias0", "bias_mean", "bias_step"):
        np.testing.assert_allclose(record[name], stored[name], rtol=0, atol=case.limit("bias_norm") * scale)


@pytest.mark.golden_kind("finetune_first_steps")
def test_from_weights_of_its_own(case):
    stored, losses = case.arrays, []
    channels = stored["features"].shape[2]
    for seed in range(DRAWS):
        torch.manual_seed(seed)
        head = build(case, init=True)
        start = float(head.conv_seg.bias.detach().norm())
        record = train(case, head)
        steps = record["bias_norm"] / start - 1
        assert abs(steps[0]) <= case.limit("own_draw", "bias_norm_after_iteration_0")
        assert np.abs(steps).max() <= case.limit("own_draw", "bias_norm_always")
        weight_norm = (2 * channels) ** 0.5
        limit = case.limit("own_draw", "weight_norm", after="within")
        np.testing.assert_allclose(record["weight_norm"], weight_norm, rtol=limit)
        low, high = stored["own_bias_norm"].min(axis=0), stored["own_bias_norm"].max(axis=0)
        wider = case.limit("own_draw", "bias_norm", after="widened by")
        assert (record["bias_norm"] >= (1 - wider) * low).all() and (record["bias_norm"] <= (1 + wider) * high).all()
        losses.append(record["loss"])
    median = np.median(losses, axis=0)
    for iteration in (0, 9, 29, 59):
        low, high = stored["own_loss"][:, iteration].min(), stored["own_loss"][:, iteration].max()
        assert low <= median[iteration] <= high
