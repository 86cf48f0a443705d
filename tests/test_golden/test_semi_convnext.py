# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The ConvNeXt segmentors of the semi-supervised rows, as their configs build them."""

import re

import numpy as np
import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from tests.test_golden.conftest import stored_names
from tests.test_golden.semi_models import labeled, our_names, publish, semi_model
from tests.test_golden.structures import structure_file


def fill(model, names: dict[str, str], official_weights, seed: int) -> None:
    """Give all weights that are not structure their stored values."""
    own = model.state_dict()
    filled = {ours: official_weights.fill(name, tuple(own[ours].shape), seed) for ours, name in names.items()}
    model.load_state_dict(own | filled)


def runs(stored: dict[str, np.ndarray]) -> range:
    return range(len([key for key in stored if re.fullmatch(r"img\d+", key)]))


def assert_close_to_stored(case, key: str, values: np.ndarray, stored: np.ndarray, step: int = 1) -> None:
    limit = case.limit(key) * np.abs(values).max()
    np.testing.assert_allclose(values[:, ::step], stored, rtol=0, atol=limit)


@pytest.mark.golden_kind("semi_convnext_forward")
def test_convnext(case, official_weights, image_batch, assert_gradient_norms):
    stored = case.arrays
    for settings in case.settings["models"]:
        key, arch = settings["key"], settings["arch"]
        patch = settings["patch_size"]
        model = semi_model(arch, settings["nb_classes"], dict(patch_size=patch), drop_path_rate=settings["drop_path"])
        names = our_names(stored_names(stored[f"{key}_grad_names"]))
        assert names.keys() == model.state_dict().keys()
        fill(model, names, official_weights, case.seeds["fill"])
        for index in runs(stored):
            maps = model.extract_feat(image_batch(stored[f"img{index}"]))
            run = f"{key}_eval{index}"
            head = model.decode_head.patch_conv(maps[-1]).detach().numpy()
            np.testing.assert_array_equal(head.shape, stored[f"{run}_head_shape"])
            assert_close_to_stored(case, "head", head, stored[f"{run}_head"], int(stored[f"{run}_head_step"]))
            logits = model.decode_head(maps)
            values = logits.detach().numpy()
            np.testing.assert_array_equal(values.shape, stored[f"{run}_logits_shape"])
            step = -(-values.shape[1] // stored[f"{run}_logits"].shape[1])
            assert_close_to_stored(case, "logits", values, stored[f"{run}_logits"], step)
            check_loss(case, model, logits, index, f"{key}_train{index}")
            assert_gradient_norms(
                model,
                stored[f"{key}_grad_names"],
                stored[f"{key}_train{index}_grad_norms"],
                case.limit("grad_norms"),
                publish(names),
            )


def check_loss(case, model, logits: Tensor, index: int, run: str) -> None:
    """Loss against the stored one; leaves the gradients behind."""
    losses = model.decode_head.loss_by_feat(logits, labeled(case.arrays[f"label{index}"]))
    np.testing.assert_allclose(float(losses["loss_ce"]), case.arrays[f"{run}_loss"], rtol=0, atol=case.limit("loss"))
    model.zero_grad()
    losses["loss_ce"].backward()


@pytest.mark.golden_kind("semi_rf_forward")
@pytest.mark.slow
def test_receptive_fields(case, tmp_path, official_weights, image_batch, assert_gradient_norms):
    stored = case.arrays
    convolutions = stored_names(stored["conv_names"])
    searched = structure_file(tmp_path / "search.pth", stored, "searched", convolutions)
    patch, outputs = case.settings["patch_size"], case.settings["nb_classes"]
    models = {}
    for key in case.settings["models"]:
        names = our_names(stored_names(stored[f"{key}_grad_names"]))
        common = dict(drop_path_rate=case.settings["drop_path"])
        if key == "rfsearch":
            model = semi_model(key, outputs, dict(patch_size=patch), structure_file=None, **common)
            adopt(model, names, stored, convolutions)
            fill(model, names, official_weights, case.seeds["fill"])
        elif key == "rfmerge":
            trained = tmp_path / "multiple.pth"
            torch.save(dict(state_dict=models["rfmultiple"].state_dict()), trained)
            model = semi_model(key, outputs, dict(patch_size=patch), structure_file=str(trained), **common)
            model.load_state_dict(models["rfmultiple"].state_dict())
        else:
            model = semi_model(key, outputs, dict(patch_size=patch), structure_file=searched, **common)
            fill(model, names, official_weights, case.seeds["fill"])
        models[key] = model
        check_structure(model, key, stored, names, convolutions)
        for index in runs(stored):
            logits = model.decode_head(model.extract_feat(image_batch(stored[f"img{index}"])))
            assert_close_to_stored(case, "logits", logits.detach().numpy(), stored[f"{key}_eval{index}_logits"])
            check_loss(case, model, logits, index, f"{key}_train{index}")
            assert_gradient_norms(
                model,
                stored[f"{key}_grad_names"],
                stored[f"{key}_train{index}_grad_norms"],
                case.limit("grad_norms"),
                publish(names),
            )
        check_published_file(model, key, stored, names, convolutions, tmp_path / f"{key}.pth")


def check_published_file(model, key: str, stored, names, convolutions, path) -> None:
    """The same model as a published file, which brings its structure along, gives the same logits."""
    weights = publish(names)(model.state_dict())
    for row, name in enumerate(convolutions):
        weights[f"{name}.rates"] = torch.from_numpy(stored[f"{key}_rates"][row]).int()
        weights[f"{name}.num_rates"] = torch.from_numpy(stored[f"{key}_num_rates"][row : row + 1]).int()
        weights[f"{name}.sample_weights"] = torch.from_numpy(stored[f"{key}_sample_weights"][row])
        weights[f"{name}.counter"] = weights[f"{name}.current_search_step"] = torch.zeros(1)
    if key == "rfsingle":
        for row, name in enumerate(convolutions):
            weights[f"{name}.rates"][0] = torch.from_numpy(stored["rfsingle_dilation"][row])
    torch.save(dict(model=weights), path)
    loaded = semi_model(
        key, model.decode_head.num_classes, dict(patch_size=model.decode_head.patch_size), structure_file=None
    )
    state = CheckpointLoader.load_checkpoint(str(path))["state_dict"]
    result = loaded.eval().load_state_dict(state)
    assert not result.missing_keys and not result.unexpected_keys
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        both = [one.decode_head(one.extract_feat(images)) for one in (model.eval(), loaded)]
    torch.testing.assert_close(both[1], both[0], rtol=0, atol=0)


def adopt(model, names: dict[str, str], stored: dict[str, np.ndarray], convolutions: list[str]) -> None:
    """Give a searching model the branches that a search had come to."""
    ours = {name: our for our, name in names.items()}
    for row, name in enumerate(convolutions):
        convolution = model.get_submodule(ours[f"{name}.weight"].removesuffix(".weight"))
        rates = stored["searched_rates"][row, : stored["searched_num_rates"][row]]
        convolution.set_dilations([(int(down), int(right)) for down, right in rates])


def check_structure(model, key: str, stored: dict, names: dict[str, str], convolutions: list[str]) -> None:
    ours = {name: our for our, name in names.items()}
    for row, name in enumerate(convolutions):
        convolution = model.get_submodule(ours[f"{name}.weight"].removesuffix(".weight"))
        rates = stored[f"{key}_rates"][row, : stored[f"{key}_num_rates"][row]]
        assert convolution.dilations == (
            [tuple(rate) for rate in rates] if key != "rfsingle" else [convolution.dilation]
        )
        weights = stored[f"{key}_sample_weights"][row]
        if key != "rfmerge":
            np.testing.assert_allclose(convolution.branch_weights.detach(), weights, rtol=1e-6)
        if f"{key}_dilation" in stored:
            assert convolution.dilation == tuple(stored[f"{key}_dilation"][row])
            assert convolution.kernel_size == tuple(stored[f"{key}_kernel_size"][row])
