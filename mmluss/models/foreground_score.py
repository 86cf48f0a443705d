# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Foreground scores that are relative to their image, so that one threshold suits bright and dark attention."""

from torch import Tensor


def stretch_scores(score: Tensor) -> Tensor:
    """Scores of each image stretched to 0..1: its least becomes 0, its greatest 1.

    Args:
        score: (..., H, W), any floating dtype; the last two dimensions are one image.

    Returns:
        The same shape, float32. An image whose scores are all alike becomes 0.
    """
    score = score.float()
    least, greatest = score.flatten(-2).aminmax(dim=-1)
    return (score - least[..., None, None]) / (greatest - least + 1e-6)[..., None, None]
