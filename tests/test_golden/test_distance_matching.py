# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmluss.models.distance_matching.distance_matching import knn_labels, support_embeddings


def supports_of(case) -> tuple[torch.Tensor, torch.Tensor]:
    arrays = case.arrays
    embeddings, labels = zip(
        *(
            support_embeddings(
                torch.from_numpy(arrays[f"sup_feat{index}"]), torch.from_numpy(arrays[f"sup_mask{index}"].astype(int))
            )
            for index in range(case.settings["support"])
        ),
        strict=True,
    )
    return torch.cat(embeddings), torch.cat(labels)


@pytest.mark.golden_kind("distance_matching")
def test_supports(case):
    embeddings, labels = supports_of(case)
    np.testing.assert_array_equal(labels.numpy(), case.arrays["labels"])
    np.testing.assert_allclose(embeddings.numpy(), case.arrays["embeddings"], atol=case.limit("embeddings"), rtol=0)


@pytest.mark.golden_kind("distance_matching")
def test_label_maps(case):
    arrays = case.arrays
    embeddings, labels = supports_of(case)
    supports = F.normalize(embeddings, dim=1)
    for setting, (k, temperature) in enumerate(case.settings["k_T"]):
        for index in range(case.settings["query"]):
            predicted = knn_labels(torch.from_numpy(arrays[f"qry_feat{index}"]), supports, labels, k, temperature)
            size = tuple(arrays[f"qry_hw{index}"].tolist())
            predicted = F.interpolate(predicted[None, None].float(), size=size, mode="nearest")[0, 0].numpy()
            expected = arrays[f"pred{setting}_{index}"]
            assert predicted.shape == expected.shape
            assert np.mean(predicted != expected) <= case.limit("pred")
