# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Test-time augmentation: probabilities of flipped and resized images are averaged."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.segmentors import SegTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.models.fine_tuning.luss_segmentor import LUSSSegmentor


@MODELS.register_module()
class LUSSTTAModel(SegTTAModel):
    """The ``SegTTAModel`` of mmseg for ``LUSSSegmentor``, which keeps no logits at the size of the image.

    Probabilities are averaged at the size of the largest feature map, as many numbers as there fit in memory. Their
    logarithms are then taken for logits, so that one pass alone gives what the model gives without augmentation, and
    ``refine``, ``image_evidence`` and ``one_cluster`` act once, on the average.

    Args:
        module: The segmentor, or its config.
        data_preprocessor: As for mmseg's ``SegTTAModel``.

    Raises:
        TypeError: If the segmentor is another one, which has no probabilities to average.
    """

    def __init__(self, module: Any, data_preprocessor: Any = None) -> None:
        super().__init__(module, data_preprocessor)
        if not isinstance(self.module, LUSSSegmentor):
            raise TypeError(
                f"{type(self.module).__name__} has no probabilities to average: --tta goes with fine-tuned models"
            )

    @torch.no_grad()
    def test_step(self, data: dict[str, list]) -> list[SegDataSample]:
        """Label maps of a batch.

        Args:
            data: ``inputs`` and ``data_samples``, lists by pass of lists by image, as ``TestTimeAug`` gives them.

        Returns:
            The data samples of the first pass with ``pred_sem_seg`` ``(1, H, W)`` int64.
        """
        passes = [
            self.module.data_preprocessor(dict(inputs=inputs, data_samples=samples), False)
            for inputs, samples in zip(data["inputs"], data["data_samples"], strict=True)
        ]
        logits = [self.module._forward(one["inputs"]) for one in passes]
        samples = passes[0]["data_samples"]
        for index, sample in enumerate(samples):
            upright = [
                _unflipped(maps[index], one["data_samples"][index]) for maps, one in zip(logits, passes, strict=True)
            ]
            # Outlines follow the photo that shows most of it.
            largest = max(passes, key=lambda one: one["inputs"][index].numel())
            image = _unflipped(largest["inputs"][index], largest["data_samples"][index])
            labels = self.module.image_labels(image, average_passes(upright), sample.metainfo["ori_shape"][:2])
            sample.set_data(dict(pred_sem_seg=PixelData(data=labels[None])))
        return list(samples)


def average_passes(logits: Sequence[Tensor]) -> Tensor:
    """Logarithms of the mean probabilities of several passes over an image.

    Args:
        logits: ``(K + 1, h, w)`` each, of several sizes over the same area.

    Returns:
        ``(K + 1, h, w)`` float32 of the largest of the sizes.
    """
    size = max(maps.shape[1] for maps in logits), max(maps.shape[2] for maps in logits)
    total = logits[0].new_zeros((len(logits[0]), *size), dtype=torch.float32)
    for maps in logits:
        probabilities = maps.float().softmax(dim=0)
        total += F.interpolate(probabilities[None], size=size, mode="bilinear", align_corners=False)[0]
    return (total / len(logits)).clamp_min(torch.finfo(torch.float32).tiny).log()


def _unflipped(maps: Tensor, sample: SegDataSample) -> Tensor:
    if not sample.metainfo.get("flip"):
        return maps
    sides = dict(horizontal=(-1,), vertical=(-2,), diagonal=(-2, -1))
    return maps.flip(sides[sample.metainfo["flip_direction"]])
