# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""``ColorDistortion`` of a whole batch on the model's device."""

from collections import Counter
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmluss.datasets.transforms.color_distortion import ColorDistortion, ColorOperation
from mmluss.models.batch_augments import batch_color_ops


@MODELS.register_module()
class BatchColorDistortion(nn.Module):
    """Color jitter, gray and blur of each image of a batch on its own, by what ``ColorDistortion`` would draw for it.

    For ``batch_augments`` of ``LUSSDataPreProcessor``, where a GPU would wait for the workers' colors; ``MultiCrop``
    then gets ``crop_transforms=[]``. Values are not rounded between the operations, as they are in 8-bit images.
    Random numbers are numpy's global ones, of the main process.

    Args:
        **settings: As for ``ColorDistortion``.

    Raises:
        ValueError: If a value lies outside of its range.

    Example:
        >>> images = torch.randint(0, 256, (4, 3, 32, 32))
        >>> BatchColorDistortion(hue=0.1)(images).shape
        torch.Size([4, 3, 32, 32])
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.color_distortion = ColorDistortion(**settings)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Distort a batch.

        Args:
            images: ``(B, 3, H, W)`` BGR in 0..255, of any type.

        Returns:
            ``(B, 3, H, W)`` float32 in 0..255.
        """
        return apply_operations(images, [self.color_distortion.draw() for _ in images])


def apply_operations(images: Tensor, operations: list[list[ColorOperation]]) -> Tensor:
    """Apply to each image its own operations in their order.

    Args:
        images: ``(B, 3, H, W)`` BGR in 0..255, of any type.
        operations: Of each image, as ``ColorDistortion.draw`` gives them.

    Returns:
        ``(B, 3, H, W)`` float32 in 0..255.
    """
    groups = _grouped(operations)
    # A copy, which is written to.
    images = images.to(torch.float32, copy=True)
    if not groups:
        return images
    sizes = [len(chosen) for _, chosen, _ in groups]
    places = _sent([place for _, chosen, _ in groups for place in chosen], torch.int64, images).split(sizes)
    values = _sent([value for _, _, drawn in groups for value in drawn], torch.float32, images).split(sizes)
    # Half precision, under which an iteration may run, would round colors.
    with torch.autocast(images.device.type, enabled=False):
        for (name, _, drawn), chosen, of_each in zip(groups, places, values, strict=True):
            some = images[chosen]
            if name == "to_gray":
                some = batch_color_ops.to_gray(some)
            elif name == "gaussian_blur":
                some = batch_color_ops.gaussian_blur(some, of_each, max(drawn))
            else:
                some = getattr(batch_color_ops, name)(some, of_each)
            images[chosen] = some
    return images


def _grouped(operations: list[list[ColorOperation]]) -> list[tuple[str, list[int], list[float]]]:
    """Name, images and values of few calls that do all; each is what the most images wait for."""
    groups = []
    done = [0] * len(operations)
    while waiting := {i: todo[done[i]] for i, todo in enumerate(operations) if done[i] < len(todo)}:
        [(name, _)] = Counter(operation.name for operation in waiting.values()).most_common(1)
        chosen = [i for i, operation in waiting.items() if operation.name == name]
        groups.append((name, chosen, [waiting[i].value for i in chosen]))
        for i in chosen:
            done[i] += 1
    return groups


def _sent(numbers: list, dtype: torch.dtype, images: Tensor) -> Tensor:
    """Numbers on the images' device, without waiting for what it does."""
    tensor = torch.tensor(numbers, dtype=dtype)
    return tensor.pin_memory().to(images.device, non_blocking=True) if images.is_cuda else tensor.to(images.device)
