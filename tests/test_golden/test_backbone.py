# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS


def assert_map(stored: dict, key: str, computed: torch.Tensor, relative: float) -> None:
    """Compare a map of which only every n-th channel may be stored, and its statistics."""
    computed = computed.detach().double().numpy()
    np.testing.assert_array_equal(computed.shape, stored[f"{key}_shape"])
    step = -(-computed.shape[1] // stored[key].shape[1])
    scale = np.abs(computed).max()
    np.testing.assert_allclose(computed[:, ::step], stored[key], rtol=0, atol=relative * scale)


@pytest.mark.golden_kind("backbone")
def test_feature_maps_and_running_statistics(case, official_weights, image_batch, resnet_config):
    stored, seed = case.arrays, case.settings["fill_seed"]
    # Relative to the largest value of a map.
    limits = {mode: case.limit("c4", before=f" in {mode} mode") for mode in ("eval", "train")}
    backbone = MODELS.build(resnet_config(case.settings["arch"]))
    weights = official_weights.filled(backbone.state_dict(), seed)
    for index in range(len([key for key in stored if re.fullmatch(r"img\d+", key)])):
        images = image_batch(stored[f"img{index}"])
        for mode, relative in limits.items():
            backbone.load_state_dict(weights)
            backbone.train(mode == "train")
            with torch.no_grad():
                _, _, stage3, stage4 = backbone(images)
            run = f"{mode}{index}"
            assert_map(stored, f"{run}_c4", stage4, relative)
            channels = stored[f"{run}_c3_channels"]
            np.testing.assert_array_equal(stage3.shape, stored[f"{run}_c3_shape"])
            np.testing.assert_allclose(
                stage3[:, : channels.shape[1]], channels, rtol=0, atol=relative * float(stage3.max())
            )
            for stage, feature_map in ((3, stage3), (4, stage4)):
                values = feature_map.double().numpy()
                statistics = [
                    values.mean(), values.std(), np.linalg.norm(values.ravel()), values.max(), (values > 0).mean()
                ]  # fmt: skip
                np.testing.assert_allclose(statistics, stored[f"{run}_c{stage}_stats"], rtol=relative)
        after = {key.split("_after.")[1]: key for key in stored if key.startswith(f"train{index}_after.")}
        for name, key in after.items():
            close = dict(rtol=limits["train"], atol=limits["eval"])
            np.testing.assert_allclose(backbone.state_dict()[name], stored[key], **close)
