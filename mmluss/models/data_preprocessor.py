# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Normalisation of multi-crop batches and of ordinary images."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import MODELS


@MODELS.register_module()
class MultiCropDataPreProcessor(SegDataPreProcessor):
    """Normalises the crops of steps 1 and 2.1 on the model's device; leaves ordinary images to mmseg.

    Args:
        crop_std: Standard deviations for crops, three values in 0..255. The published pretraining used another value
            for red (0.228 x 255) than all other steps.
        **kwargs: As for mmseg's ``SegDataPreProcessor``; ``mean`` and ``std`` are required.
    """

    def __init__(self, crop_std: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.register_buffer("crop_std", torch.tensor(crop_std, dtype=torch.float32).view(-1, 1, 1), False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise a batch.

        Args:
            data: ``inputs`` is ``dict(crops=[V x (B, 3, h, w) uint8], grid=(B, 2, S, S, 2))`` for multi-crop
                batches, else what mmseg expects.
            training: Whether the batch is for training.

        Returns:
            The same structure with float32 images.

        Raises:
            TypeError: If the crops of the images of a batch were not stacked.
        """
        if not isinstance(data["inputs"], dict):
            return super().forward(data, training)
        data = self.cast_data(data)
        crops = data["inputs"]["crops"]
        if not isinstance(crops[0], torch.Tensor):
            raise TypeError("Crops come unstacked: set collate_fn=dict(type='default_collate') in train_dataloader.")
        if self.channel_conversion:
            crops = [crop.flip(1) for crop in crops]
        crops = [(crop.float() - self.mean) / self.crop_std for crop in crops]
        return dict(inputs=dict(data["inputs"], crops=crops), data_samples=data.get("data_samples"))
