# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch

from mmluss.models.pretraining.sinkhorn import sinkhorn


@pytest.mark.golden_kind("sinkhorn")
def test_assignments(case):
    stored = case.arrays
    for item in case.settings["cases"]:
        index = item["i"]
        assignment = sinkhorn(torch.from_numpy(stored[f"s{index}"]), item["epsilon"], item["iterations"])
        np.testing.assert_allclose(assignment, stored[f"q{index}"], rtol=0, atol=case.tolerance["abs"])
