# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def tiny_resnet() -> dict:
    """ResNet-18 with an eighth of the channels: 8, 16, 32, 64."""
    return dict(
        type="ResNet", depth=18, base_channels=8, stem_channels=8, norm_cfg=dict(type="BN"), zero_init_residual=False
    )
