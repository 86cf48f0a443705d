# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The head of the ConvNeXt rows: each coarse position predicts a patch of finer ones (arXiv 2206.06637)."""

from typing import Any

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmluss.models.fine_tuning.linear_head import LinearHead


@MODELS.register_module()
class PixelShuffleHead(LinearHead):
    """A 1x1 convolution to P x P predictions a position, laid out as logits P times as large.

    Channel ``(row * P + column) * (K + 1) + class`` of position ``(i, j)`` is the logit of that class at
    ``(i * P + row, j * P + column)``.

    Args:
        in_channels: Channels C of the feature map.
        num_classes: Clusters (semi-supervised: categories) and "other", K + 1.
        patch_size: Side P.
        label_stride: As for ``LinearHead``; by default the labels are brought to the logits.
        loss_upsampling: As for ``LinearHead``.
        init_cfg: Initialization config of mmengine; by default normal with standard deviation 0.02 and biases of 0.
        **kwargs: As for ``LinearHead``.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        patch_size: int = 4,
        label_stride: int | None = None,
        loss_upsampling: int = 2,
        init_cfg: dict | None = dict(type="Normal", layer="Conv2d", std=0.02, bias=0.0),  # noqa: B006, never changed
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            num_classes,
            label_stride=label_stride,
            loss_upsampling=loss_upsampling,
            init_cfg=init_cfg,
            **kwargs,
        )
        self.patch_size = patch_size
        del self.conv_seg
        self.patch_conv = nn.Conv2d(in_channels, patch_size**2 * num_classes, 1)

    def cls_seg(self, feat: Tensor) -> Tensor:
        """Logits ``(B, K + 1, P * h, P * w)`` of a feature map ``(B, C, h, w)``."""
        if self.dropout is not None:
            feat = self.dropout(feat)
        patches = self.patch_conv(feat)
        # F.pixel_shuffle wants the class as the slowest index of a channel; here it is the fastest.
        by_class = patches.unflatten(1, (self.patch_size**2, self.num_classes)).transpose(1, 2).flatten(1, 2)
        return F.pixel_shuffle(by_class, self.patch_size)
