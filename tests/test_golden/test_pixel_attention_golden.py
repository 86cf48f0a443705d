# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass
from mmluss.models import PixelAttentionSegmentor


def assert_close(computed: torch.Tensor, expected: np.ndarray, limit: float) -> None:
    """Equal within a share of the largest entry; every n-th channel may be stored."""
    computed = computed.detach().numpy()
    if computed.ndim == 4:
        computed = computed[:, :: computed.shape[1] // expected.shape[1]]
    np.testing.assert_allclose(computed, expected, rtol=0, atol=limit * np.abs(expected).max())


@pytest.mark.golden_kind("pixel_attention")
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_attention_and_embeddings(case, mode, official_weights, resnet_config):
    settings, stored = case.settings, case.arrays
    close = partial(assert_close, limit=case.limit("abs"))
    model = PixelAttentionSegmentor(
        backbone=resnet_config(settings["arch"]),
        hidden_channels=settings["hidden_mlp"],
        embedding_dim=settings["feat_dim"],
        num_prototypes=settings["nmb_prototypes"],
    )
    official_weights.fill_model(model, case.seeds["fill"])
    model.train(mode == "train")
    feature_map = torch.from_numpy(stored["feat"])
    with torch.no_grad():
        pooled = model.decode_head.attended_embeddings(feature_map)
        embedding = F.normalize(model.projector(pooled), dim=1)
        close(pooled, stored[f"{mode}_pooled"])
        close(embedding, stored[f"{mode}_embedding"])
        close(model.prototypes(embedding), stored[f"{mode}_scores"])
        after = mmluss_to_pass(model.state_dict())
        if mode == "eval":
            features, attention = model.decode_head(feature_map)
            close(model.decode_head.cluster_embeddings(feature_map), stored["eval_cluster"])
            close(features, stored["eval_feat4x"])
            close(attention, stored["eval_attention"])
            close(attention.mean(dim=1, keepdim=True), stored["eval_mean_att"])
            centroids = torch.randn(3, features.shape[1], generator=torch.Generator().manual_seed(0))
            model.decode_head.set_centroids(centroids, 0.5)
            close(model.decode_head.pixel_scores(feature_map)[1], stored["eval_mean_att"][:, 0])
    for key in (key for key in stored if key.startswith(f"{mode}_after.")):
        close(after[key.removeprefix(f"{mode}_after.")], stored[key])
