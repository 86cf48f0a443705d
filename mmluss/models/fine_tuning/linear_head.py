# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One 1x1 convolution from the deepest feature map to classes (PASS, section 3.6)."""

from typing import Any

import torch.nn.functional as F
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.models.fine_tuning.pixel_cross_entropy import pixel_accuracy
from mmluss.models.weight_init import KAIMING_CONV


# mmseg's FCNHead can be a single convolution too, but its loss always enlarges the logits to the full label map.
@MODELS.register_module()
class LinearHead(BaseDecodeHead):
    """Classifies each position of the feature map; the loss is taken at a reduced resolution.

    Args:
        in_channels: Channels C of the feature map.
        num_classes: Clusters (semi-supervised: categories) and "other", K + 1.
        upsampling: Factor by which ``forward`` enlarges the logits.
        label_stride: The loss takes every so many-th row and column of the labels and resizes the logits to them
            (fine-tuning: 2). With None the labels are brought to the size of the logits, enlarged once more by
            ``loss_upsampling`` (semi-supervised protocol).
        loss_upsampling: See ``label_stride``.
        ignore_index: Label without loss; 1000 in ImageNet-S.
        dropout_ratio: Share of the channels that are dropped while training, in 0..1.
        init_cfg: Initialization config of mmengine; by default Kaiming by fan-out, with torch's uniform bias.
        **kwargs: As for mmseg's ``BaseDecodeHead``, but for a ``sampler`` of pixels.

    Raises:
        ValueError: If there is a ``sampler``.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        upsampling: int = 1,
        label_stride: int | None = 2,
        loss_upsampling: int = 1,
        ignore_index: int = IGNORE_INDEX,
        dropout_ratio: float = 0.0,
        init_cfg: dict | None = KAIMING_CONV,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("sampler") is not None:
            raise ValueError(f"{type(self).__name__} takes no sampler of pixels, only mmsegmentation's own heads do")
        kwargs.setdefault("loss_decode", dict(type="PixelCrossEntropy"))
        super().__init__(
            in_channels,
            in_channels,
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            ignore_index=ignore_index,
            init_cfg=init_cfg,
            **kwargs,
        )
        self.upsampling = upsampling
        self.label_stride = label_stride
        self.loss_upsampling = loss_upsampling

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Logits ``(B, K + 1, h, w)`` times ``upsampling`` of the backbone's feature maps."""
        return self._enlarge(self.cls_seg(self._transform_inputs(inputs)), self.upsampling)

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: list) -> dict[str, Tensor]:
        """The losses of ``loss_decode`` and pixel accuracy in percent at the resolution set by ``label_stride``.

        Args:
            seg_logits: ``(B, K + 1, h, w)``.
            batch_data_samples: Their ``gt_sem_seg`` is ``(1, H, W)``, all of one size.
        """
        labels = self._stack_batch_gt(batch_data_samples).float()
        if self.label_stride is None:
            seg_logits = self._enlarge(seg_logits, self.loss_upsampling)
            labels = F.interpolate(labels, size=seg_logits.shape[-2:], mode="nearest")
        else:
            labels = F.interpolate(labels, scale_factor=1 / self.label_stride, mode="nearest")
            seg_logits = F.interpolate(
                seg_logits, size=labels.shape[-2:], mode="bilinear", align_corners=self.align_corners
            )
        labels = labels.squeeze(1).long()
        losses = {"acc_seg": pixel_accuracy(seg_logits, labels, self.ignore_index)}
        for loss in self.loss_decode if isinstance(self.loss_decode, nn.ModuleList) else [self.loss_decode]:
            name, value = str(loss.loss_name), loss(seg_logits, labels, ignore_index=self.ignore_index)
            losses[name] = losses[name] + value if name in losses else value
        return losses

    def _enlarge(self, logits: Tensor, factor: int) -> Tensor:
        if factor == 1:
            return logits
        return F.interpolate(logits, scale_factor=factor, mode="bilinear", align_corners=self.align_corners)
