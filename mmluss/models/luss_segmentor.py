# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps 3 and 4: fine-tuning on pixel labels and inference (PASS, section 3.6)."""

from collections.abc import Sequence

from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.models.feature_channels import feature_channels
from mmluss.models.resized_argmax import label_map


@MODELS.register_module()
class LUSSSegmentor(EncoderDecoder):
    """mmseg's ``EncoderDecoder`` with the benchmark's inference and as many classes as memory for one.

    Differences: the decode head's ``in_channels`` may be left out (the backbone is asked); logits go to the original
    size in one step; ``seg_logits`` are not kept, since 920 classes at full size do not fit in memory. ``test_cfg``
    takes ``max_resolution`` (default 1000) and ``limited_side`` (default ``height``), see ``label_map``.
    """

    def _init_decode_head(self, decode_head: dict) -> None:
        if decode_head.get("in_channels") is None:
            decode_head = dict(decode_head, in_channels=feature_channels(self.backbone)[-1])
        super()._init_decode_head(decode_head)

    def predict(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> list[SegDataSample]:
        """Label maps at each image's original size.

        Args:
            inputs: Normalized images ``(B, 3, H, W)``.
            data_samples: Their ``ori_shape`` is the size of the result; without them it is that of the input.

        Returns:
            Data samples with ``pred_sem_seg`` ``(1, H, W)`` int64 in 0..N.
        """
        if data_samples is None:
            data_samples = [SegDataSample(metainfo=dict(ori_shape=inputs.shape[-2:])) for _ in inputs]
        test_cfg = self.test_cfg or {}
        for sample, logits in zip(data_samples, self._forward(inputs), strict=True):
            labels = label_map(
                logits,
                sample.metainfo["ori_shape"][:2],
                test_cfg.get("max_resolution", 1000),
                test_cfg.get("limited_side", "height"),
            )
            sample.set_data(dict(pred_sem_seg=PixelData(data=labels[None])))
        return list(data_samples)
