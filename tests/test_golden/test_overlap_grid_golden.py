# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.datasets.transforms.overlap_grid import overlap_grid


@pytest.mark.golden_kind("get_grid")
def test_overlap_grid(case):
    arrays = case.arrays
    for suffix in ("", "_b"):
        size_key = f"size{suffix}"
        if f"gridq{suffix}" not in arrays:
            continue
        size = case.settings.get(size_key, arrays[f"gridq{suffix}"].shape[1])
        for number, (first, second) in enumerate(zip(arrays[f"gridq{suffix}"], arrays[f"gridk{suffix}"], strict=True)):
            ours = overlap_grid(*arrays["rects"][number], size=size)
            np.testing.assert_allclose(ours, [first, second], rtol=0, atol=case.tolerance["abs"])
