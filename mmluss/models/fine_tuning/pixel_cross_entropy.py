# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Loss and accuracy of pixels, some of which do not count."""

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn


def pixel_accuracy(logits: Tensor, labels: Tensor, ignore_index: int = -100) -> Tensor:
    """Share of the pixels that count whose largest logit is that of their label.

    Args:
        logits: ``(B, K + 1, H, W)``.
        labels: ``(B, H, W)`` int64 in 0..K, or ``ignore_index``.
        ignore_index: Label of the pixels that do not count.

    Returns:
        Percent, ``(1,)`` float32; 0 where no pixel counts.
    """
    counts = labels != ignore_index
    right = (logits.argmax(dim=1) == labels) & counts
    return (100 * right.sum() / counts.sum().clamp(min=1)).float().reshape(1)


# mmseg's loss and accuracy ask the device how many pixels count: each iteration waits for it three times, and the graph
# of a compiled model has as many gaps; its accuracy sorts the logits of each pixel to find the largest.
@MODELS.register_module()
class PixelCrossEntropy(nn.Module):
    """Mean cross-entropy of the pixels that count; as mmseg's ``CrossEntropyLoss(avg_non_ignore=True)``.

    Args:
        loss_weight: Multiplies the loss.
        loss_name: Under which it is logged; one that begins with ``loss`` is optimized.
    """

    def __init__(self, loss_weight: float = 1.0, loss_name: str = "loss_ce") -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(self, logits: Tensor, labels: Tensor, weight: None = None, ignore_index: int = -100) -> Tensor:
        """The loss, a scalar float32; 0 where no pixel counts.

        Args:
            logits: ``(B, K + 1, H, W)``.
            labels: ``(B, H, W)`` int64 in 0..K, or ``ignore_index``.
            weight: None; the heads of mmseg say so where they sample no pixels.
            ignore_index: Label of the pixels that do not count.

        Raises:
            ValueError: If pixels have weights.
        """
        if weight is not None:
            raise ValueError("PixelCrossEntropy takes no weights of pixels: leave out the head's sampler")
        total = F.cross_entropy(logits.float(), labels, ignore_index=ignore_index, reduction="sum")
        return self.loss_weight * total / (labels != ignore_index).sum().clamp(min=1)
