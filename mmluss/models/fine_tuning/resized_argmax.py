# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From low-resolution logits to label maps at image size, in bounded memory (PASS, section on inference)."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_LOGITS = 2**25
"""Enlarged logits held at once: 128 MiB in float32."""


def argmax_resized(logits: Tensor, size: tuple[int, int], max_logits: int = MAX_LOGITS) -> Tensor:
    """Argmax over classes of bilinearly resized logits, without ever holding all of them.

    Classes are resized a few at a time and compared with the best so far. 920 classes at 4000 x 3000 pixels would be
    44 GB at once.

    Args:
        logits: ``(C, h, w)``, any floating dtype.
        size: ``(H, W)`` of the result in pixels.
        max_logits: Resized logits (classes x H x W) held at once; never less than one class.

    Returns:
        ``(H, W)`` int64 in 0..C-1; the first class in a tie.
    """
    height, width = size
    return argmax_in_blocks(logits, size, max(1, max_logits // (height * width)))


def argmax_in_blocks(logits: Tensor, size: tuple[int, int], classes: int) -> Tensor:
    """Argmax over classes of bilinearly resized logits, so many classes at a time.

    Args:
        logits: ``(C, h, w)``, any floating dtype.
        size: ``(H, W)`` of the result in pixels.
        classes: Classes resized at once.

    Returns:
        ``(H, W)`` int64 in 0..C-1; the first class in a tie.
    """
    best_logit: Tensor | None = None
    best_class = torch.zeros((), dtype=torch.int64, device=logits.device)
    for start in range(0, len(logits), classes):
        block = F.interpolate(
            logits[None, start : start + classes].float(), size=size, mode="bilinear", align_corners=False
        )[0]
        block_logit, block_class = block.max(dim=0)
        if best_logit is None:
            best_logit, best_class = block_logit, block_class
        else:
            better = block_logit > best_logit
            best_logit = torch.where(better, block_logit, best_logit)
            best_class = torch.where(better, block_class + start, best_class)
    return best_class


def label_map(
    logits: Tensor,
    size: tuple[int, int],
    max_resolution: int = 1000,
    limited_side: Literal["height", "long"] = "height",
) -> Tensor:
    """Label map of one image; very large images are labeled at a smaller size and enlarged.

    Args:
        logits: ``(C, h, w)``.
        size: ``(H, W)`` of the image in pixels.
        max_resolution: Images of more than its square in pixels are labeled with this on the limited side; 0 for
            no limit.
        limited_side: ``height`` (the benchmark's unsupervised protocol) or ``long`` (its semi-supervised one).

    Returns:
        ``(H, W)`` int64 in 0..C-1.

    Raises:
        ValueError: If ``limited_side`` is something else.
    """
    if limited_side not in ("height", "long"):
        raise ValueError(f"limited_side must be 'height' or 'long', got {limited_side!r}.")
    height, width = int(size[0]), int(size[1])
    if max_resolution <= 0 or height * width <= max_resolution**2:
        return argmax_resized(logits, (height, width))
    if limited_side == "height" or height >= width:
        limited = (max_resolution, int(max_resolution * width / height))
    else:
        limited = (int(max_resolution * height / width), max_resolution)
    labels = argmax_resized(logits, limited)
    return F.interpolate(labels[None, None].float(), size=(height, width), mode="nearest")[0, 0].long()
