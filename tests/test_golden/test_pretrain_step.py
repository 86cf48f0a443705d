# Copyright (c) mmluss contributors. Licensed under Apache-2.0.


import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass
from mmluss.models import PASSPretrainer


@pytest.fixture
def build_step(official_weights, image_batch, resnet_config):
    """Model and inputs of a stored pretraining step."""

    def build(case):
        settings, stored = case.settings, case.arrays
        model = PASSPretrainer(
            backbone=resnet_config(settings["arch"]),
            hidden_channels=settings["hidden_mlp"],
            embedding_dim=settings["feat_dim"],
            num_prototypes=settings["nmb_prototypes"],
            queue=dict(length=settings["queue_length"]) if "queue_in" in stored else None,
            shallow_stages=settings["shallow"],
            loss_weights=settings["weights"],
            temperature=settings["temperature"],
            epsilon=settings["epsilon"],
            sinkhorn_iterations=settings["sinkhorn_iterations"],
        )
        official_weights.fill_model(model, case.seeds["fill"])
        if model.queue is not None:
            model.queue.active = True
            model.queue.embeddings = torch.from_numpy(stored["queue_in"])
        model.train()
        crops = [image_batch(stored[f"crop{crop}"]) for crop in range(sum(settings["nmb_crops"]))]
        grid = torch.from_numpy(np.stack([stored["gridq"], stored["gridk"]], axis=1))
        return model, crops, grid

    return build


def close(computed, expected, atol: float) -> None:
    np.testing.assert_allclose(computed.detach().numpy(), expected, rtol=0, atol=atol)


@pytest.mark.golden_kind("pretrain_step")
def test_embeddings_scores_and_assignments(case, build_step):
    stored, settings = case.arrays, case.settings
    model, crops, grid = build_step(case)
    with torch.no_grad():
        model.prototypes.normalize_()
        embeddings, maps = model.embed(crops)
        scores = model.prototypes(embeddings)
        shallow = [
            F.normalize(copy.deepcopy(model.shallow_projectors[f"stage{stage}"])(maps[stage - 5]), dim=1)
            for stage in settings["shallow"]
        ]
        shallow_scores = [model.shallow_scores(stage, maps) for stage in settings["shallow"]]
        pixel_embeddings, predictions = model.pixel_embeddings(maps[-1], grid)
    close(torch.cat([embeddings, *shallow]), stored["embedding"], case.limit("tensors"))
    close(torch.cat([scores, *shallow_scores]), stored["scores"], case.limit("tensors"))
    close(pixel_embeddings, stored["pixel_emb"], case.limit("tensors"))
    close(predictions, stored["pixel_pred"], case.limit("tensors"))
    used = [model.queue is not None and model.queue.rows(crop) is not None for crop in range(2)]
    assert used == [bool(stored["queue_used"])] * 2
    assigned = model.swapped_prediction.assign(scores.chunk(len(crops))[:2], embeddings.chunk(len(crops))[:2])
    close(torch.stack(assigned.assignments), stored["q"], case.limit("tensors", after="q abs"))


@pytest.mark.golden_kind("pretrain_step")
def test_losses_gradients_queue_and_running_statistics(case, build_step, assert_gradient_norms):
    stored, settings = case.arrays, case.settings
    model, crops, grid = build_step(case)
    losses = model.loss(crops, grid)
    losses["loss"].backward()
    close(losses["loss"], stored["total"], case.limit("losses"))
    close(losses["i2i"], stored["loss_i2i"], case.limit("losses"))
    close(losses["p2p"], stored["loss_p2p"], case.limit("losses"))
    shallow = [losses[f"d2s_stage{stage}"] for stage in settings["shallow"]]
    close(torch.tensor(shallow), stored["loss_d2s"], case.limit("losses"))
    assert_gradient_norms(model, stored["grad_names"], stored["grad_norms"], relative=case.limit("grad_norms"))
    if "queue_out" in stored:
        close(model.queue.embeddings, stored["queue_out"], case.limit("tensors"))
    after = mmluss_to_pass(model.state_dict())
    for key in (key for key in stored if key.startswith("after.")):
        limit = case.limit("tensors")
        np.testing.assert_allclose(after[key.removeprefix("after.")], stored[key], rtol=limit, atol=limit, err_msg=key)
