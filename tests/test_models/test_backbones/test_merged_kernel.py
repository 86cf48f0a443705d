# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
import torch.nn.functional as F

from mmluss.models.backbones.merged_kernel import merged_kernel, merged_kernel_size


@pytest.mark.parametrize(
    "kernel, rates, size",
    [((3, 3), [(1, 1)], (3, 3)), ((7, 7), [(1, 1), (2, 2)], (13, 13)), ((3, 5), [(1, 2), (3, 1)], (7, 9))],
)
def test_computes_the_sum_of_dilated_convolutions(kernel, rates, size):
    weight = torch.randn(4, 2, *kernel)
    shares = torch.rand(len(rates))
    images = torch.randn(2, 4, 17, 15)
    merged = merged_kernel(weight, rates, shares)
    assert merged_kernel_size(kernel, rates) == size == tuple(merged.shape[2:])
    expected = sum(
        share
        * F.conv2d(
            images, weight, dilation=rate, groups=2, padding=[r * (k // 2) for r, k in zip(rate, kernel, strict=True)]
        )
        for rate, share in zip(rates, shares, strict=True)
    )
    computed = F.conv2d(images, merged, groups=2, padding=[side // 2 for side in size])
    torch.testing.assert_close(computed, expected, rtol=1e-4, atol=1e-5)
