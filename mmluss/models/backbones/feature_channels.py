# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Channel widths of a backbone's feature maps, found by asking it."""

import torch
from torch import nn


@torch.no_grad()
def feature_channels(backbone: nn.Module, image_size: int = 64) -> tuple[int, ...]:
    """Channels of each feature map that a backbone returns, shallow to deep.

    One forward pass of a blank image in evaluation mode; parameters and running statistics stay as they are.

    Args:
        backbone: Takes ``(B, 3, H, W)`` and returns a tuple of maps ``(B, C, h, w)``.
        image_size: Side of the blank image in pixels.

    Raises:
        TypeError: If the backbone returns something else than a tuple or list of 4-dimensional maps.
    """
    training = backbone.training
    backbone.eval()
    try:
        parameter = next(backbone.parameters())
        outputs = backbone(parameter.new_zeros(1, 3, image_size, image_size))
    finally:
        backbone.train(training)
    if not isinstance(outputs, tuple | list) or not all(getattr(output, "ndim", 0) == 4 for output in outputs):
        raise TypeError(
            f"{type(backbone).__name__} does not return a tuple of feature maps (B, C, h, w). For mmpretrain's vision "
            "transformers set out_type='featmap'; for timm models set features_only=True."
        )
    return tuple(output.shape[1] for output in outputs)
