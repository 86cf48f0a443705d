# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Normalization of multi-crop batches and of ordinary images."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmluss.datasets.label_codec import IGNORE_INDEX

# Of ImageNet's red, green and blue, in 0..255.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
_COLORS = 3


@MODELS.register_module()
class LUSSDataPreProcessor(SegDataPreProcessor):
    """Normalizes ordinary images as mmseg does, and the crops of steps 1 and 2.1, on the model's device.

    Args:
        mean: Of each channel, three values in 0..255.
        std: Standard deviations, as ``mean``.
        bgr_to_rgb: Whether images come as BGR, as OpenCV reads them; ``mean`` and ``std`` are of RGB then.
        seg_pad_val: Label of pixels that padding adds; the ignored id of ImageNet-S.
        size_divisor: Training images with labels are padded to a multiple of it, and to the largest of their batch.
        crop_std: Standard deviations for crops, three values in 0..255; ``std`` by default. The published pretraining
            used another value for red (0.228 x 255) than all other steps.
        channels_last: Hand images over in torch's channels-last memory format, in which convolutions on CPUs and on
            GPUs with tensor cores run up to twice as fast. The numbers change by rounding only.
        batch_augments: What changes training images and crops on the model's device before they are normalized, such as
            ``[dict(type="BatchColorDistortion")]``. Each takes ``(B, 3, H, W)`` images in 0..255, channels in the order
            loaded (BGR), and gives such in float32.
        **kwargs: As for mmseg's ``SegDataPreProcessor``, but for ``test_cfg``.

    Raises:
        ValueError: If ``rgb_to_bgr`` and ``bgr_to_rgb`` are both set, or ``test_cfg`` is.
    """

    def __init__(
        self,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        bgr_to_rgb: bool = True,
        seg_pad_val: int = IGNORE_INDEX,
        size_divisor: int | None = None,
        crop_std: Sequence[float] | None = None,
        channels_last: bool = False,
        batch_augments: Sequence[dict] = (),
        **kwargs: Any,
    ) -> None:
        if size_divisor is None and kwargs.get("size") is None:
            size_divisor = 1
        if bgr_to_rgb and kwargs.get("rgb_to_bgr"):
            raise ValueError("LUSSDataPreProcessor: rgb_to_bgr=True goes with bgr_to_rgb=False; its default is True")
        if kwargs.get("test_cfg") is not None:
            raise ValueError(
                "LUSSDataPreProcessor: test_cfg would pad images, and label maps are of the whole input: leave it out, "
                "and let the pipeline's resize give the size"
            )
        # Both reverse the channels, which ``_normalized`` does here.
        self.reverses_channels = bool(kwargs.pop("rgb_to_bgr", False)) != bgr_to_rgb
        super().__init__(seg_pad_val=seg_pad_val, size_divisor=size_divisor, **kwargs)
        for name, values in (("mean", mean), ("std", std), ("crop_std", std if crop_std is None else crop_std)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(-1, 1, 1), False)
        # Not under mmseg's name for it: mmseg calls that after normalization.
        self.augments = nn.ModuleList(MODELS.build(augment) for augment in batch_augments)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalize a batch.

        Args:
            data: ``inputs`` is ``dict(crops=[V x (B, 3, h, w) uint8], grid=(B, 2, S, S, 2))`` for multi-crop
                batches, else what mmseg expects.
            training: Whether the batch is for training.

        Returns:
            The same structure with float32 images.

        Raises:
            TypeError: If the crops of the images of a batch were not stacked.
        """
        data = self.cast_data(data)
        if not isinstance(data["inputs"], dict):
            data = super().forward(dict(data, inputs=self._normalized(data["inputs"], training)), training)
            return dict(data, inputs=data["inputs"].contiguous(memory_format=self.memory_format))
        crops = data["inputs"]["crops"]
        if not isinstance(crops[0], torch.Tensor):
            raise TypeError("Crops come unstacked: set collate_fn=dict(type='multi_crop_collate') in train_dataloader.")
        if training:
            crops = [self._augmented(crop) for crop in crops]
        if self.reverses_channels:
            crops = [crop.flip(1) for crop in crops]
        crops = [
            ((crop.float() - self.mean) / self.crop_std).contiguous(memory_format=self.memory_format) for crop in crops
        ]
        return dict(inputs=dict(data["inputs"], crops=crops), data_samples=data.get("data_samples"))

    # mmseg normalizes image by image, and at each the host waits for a GPU: the channels are indexed with a list.
    def _normalized(self, images: Sequence[Tensor], training: bool) -> list[Tensor]:
        """Images ``(3, H, W)`` in the order of channels and the range that the network wants, float32."""
        if len({image.shape for image in images}) > 1:
            return [normalized for image in images for normalized in self._normalized([image], training)]
        batch = images if isinstance(images, Tensor) else torch.stack([*images])
        if training:
            batch = self._augmented(batch)
        if self.reverses_channels and batch.shape[1] == _COLORS:
            batch = batch.flip(1)
        return [*((batch.float() - self.mean) / self.std).unbind()]

    def _augmented(self, batch: Tensor) -> Tensor:
        for augment in self.augments:
            batch = augment(batch)
        return batch


@MODELS.register_module()
class MultiCropDataPreProcessor(LUSSDataPreProcessor):
    """Former name of ``LUSSDataPreProcessor``, with the defaults that it had, those of mmseg."""

    def __init__(self, **kwargs: Any) -> None:
        warnings.warn(
            "MultiCropDataPreProcessor is called LUSSDataPreProcessor now.",
            FutureWarning,
            stacklevel=2,
        )
        former = dict(bgr_to_rgb=False, seg_pad_val=255)
        super().__init__(**(former | kwargs))
