# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Data samples of images that come without any."""

from mmseg.structures import SegDataSample
from torch import Tensor


def samples_of_input_size(inputs: Tensor) -> list[SegDataSample]:
    """Data samples that ask for results of the size of the input.

    Args:
        inputs: Images ``(B, 3, H, W)``.
    """
    return [SegDataSample(metainfo=dict(ori_shape=inputs.shape[-2:])) for _ in inputs]
