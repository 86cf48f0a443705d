# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The vision transformers of the semi-supervised rows, as their configs build them."""

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from tests.test_golden.conftest import stored_names
from tests.test_golden.semi_models import our_names, publish, semi_model
from tests.test_golden.test_semi_convnext import assert_close_to_stored, check_loss, fill, runs


@pytest.mark.golden_kind("semi_vit_forward")
def test_logits_loss_gradients_positions_and_labels(case, official_weights, image_batch, assert_gradient_norms):
    stored = case.arrays
    for settings in case.settings["models"]:
        arch = settings["model"]
        model = semi_model(arch, settings["nb_classes"], drop_path_rate=settings["drop_path"])
        names = our_names(stored_names(stored[f"{arch}_grad_names"]))
        assert names.keys() == model.state_dict().keys()
        fill(model, names, official_weights, case.seeds["fill"])
        for index in runs(stored):
            images = image_batch(stored[f"img{index}"])
            logits = model.decode_head(model.extract_feat(images))
            values = logits.detach().numpy()
            run = f"{arch}_eval{index}"
            np.testing.assert_array_equal(values.shape, stored[f"{run}_logits_shape"])
            step = -(-values.shape[1] // stored[f"{run}_logits"].shape[1])
            assert_close_to_stored(case, "logits", values, stored[f"{run}_logits"], step)
            check_loss(case, model, logits, index, f"{arch}_train{index}")
            assert_gradient_norms(
                model,
                stored[f"{arch}_grad_names"],
                stored[f"{arch}_train{index}_grad_norms"],
                case.limit("grad_norms"),
                publish(names),
            )
            check_labels(case, model, images, index, arch)
        check_positions(case, model.backbone, arch)


@torch.no_grad()
def check_labels(case, model, images: torch.Tensor, index: int, arch: str) -> None:
    expected = case.arrays[f"{arch}_pred{index}"]
    model.test_cfg = None
    [sample] = model.predict(images[:1], [SegDataSample(metainfo=dict(ori_shape=expected.shape))])
    differing = (sample.pred_sem_seg.data[0].numpy() != expected).mean()
    assert differing <= case.limit("pred")


def check_positions(case, backbone, arch: str) -> None:
    """Compare resized position embeddings, every so many channel."""
    stored, compared = case.arrays, 0
    for key in stored:
        size = key.removeprefix(f"{arch}_pos_").split("x")
        if key.startswith(f"{arch}_pos_") and not key.endswith("_norm"):
            height, width = map(int, size)
            patch = case.settings["patch"]
            found = backbone.position_embeddings((height // patch, width // patch), height == width)[0].detach()
            step = found.shape[1] // stored[key].shape[1]
            np.testing.assert_allclose(found[:, ::step], stored[key], rtol=0, atol=case.limit("pos"))
            np.testing.assert_allclose(float(found.double().norm()), stored[f"{key}_norm"], rtol=case.limit("pos"))
            compared += 1
    assert compared
