# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Several dilations of one kernel as one kernel (RF-Next, arXiv 2206.06637)."""

from collections.abc import Sequence

from torch import Tensor


def merged_kernel_size(kernel_size: Sequence[int], rates: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Size of the kernel that reaches as far as the largest dilation, one number an axis.

    Args:
        kernel_size: Sides of the small kernel.
        rates: Dilations, one number an axis each.
    """
    height, width = (max(rate[axis] for rate in rates) * (side - 1) + 1 for axis, side in enumerate(kernel_size))
    return height, width


def merged_kernel(weight: Tensor, rates: Sequence[Sequence[int]], shares: Tensor) -> Tensor:
    """The kernel whose convolution is the weighted sum of the dilated convolutions with one small kernel.

    Args:
        weight: Small kernel ``(C_out, C_in, h, w)`` with odd sides.
        rates: N dilations (vertical, horizontal).
        shares: ``(n,)``, weight of each dilation.

    Returns:
        ``(C_out, C_in, H, W)``, see ``merged_kernel_size``.
    """
    height, width = merged_kernel_size(weight.shape[2:], rates)
    merged = weight.new_zeros(*weight.shape[:2], height, width)
    for (down, right), share in zip(rates, shares, strict=True):
        top = (height - 1 - down * (weight.shape[2] - 1)) // 2
        left = (width - 1 - right * (weight.shape[3] - 1)) // 2
        merged[:, :, top : height - top : down, left : width - left : right] += share * weight
    return merged
