# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The model inside of the wrappers of distributed runs and of test-time augmentation."""

from mmengine.model import BaseTTAModel
from mmpretrain.utils import get_ori_model
from torch import nn


def tested_model(model: nn.Module) -> nn.Module:
    """The model that a checkpoint's weights belong to.

    Args:
        model: What a runner holds.
    """
    model = get_ori_model(model)
    return model.module if isinstance(model, BaseTTAModel) else model
