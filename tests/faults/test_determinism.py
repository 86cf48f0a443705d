# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The same seed on the same machine gives the same bits, from step 1 to the scores."""

import pytest
import torch

from tests.helpers.forked_runs import final_weights, finish, results, run_pipeline, start

pytestmark = pytest.mark.slow


def test_a_second_run_gives_the_same_bits(whole, pipeline, tmp_path):
    code = finish(start(tmp_path / "log", run_pipeline, pipeline, tmp_path / "work"))
    assert code == 0, (tmp_path / "log").read_text()
    first, second = results(whole), results(tmp_path / "work")
    # Those of step 2 and of the second round.
    assert len(first["labels"]) == 2 * 24
    assert list(first["curves"]) == ["1_pretrain", "2_pixel_attention", "3_finetune", "3_finetune_round2"]
    assert all(set(curve) == set(range(1, 10)) for curve in first["curves"].values())
    assert second == first
    torch.testing.assert_close(final_weights(tmp_path / "work"), final_weights(whole), rtol=0, atol=0, equal_nan=True)
