# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from torch import nn

from mmluss.models.pixel_attention.dynamic_buffers import adopt_stored_shapes


@pytest.fixture
def module() -> nn.Module:
    module = nn.Module()
    module.register_buffer("rows", torch.zeros(0, 3, dtype=torch.float64))
    module.register_buffer("fixed", torch.ones(2))
    return module


def test_buffers_take_the_stored_shape_and_keep_their_type(module):
    adopt_stored_shapes(module, ["rows"], {"part.rows": torch.ones(5, 3), "part.fixed": torch.ones(9)}, "part.")
    assert module.rows.shape == (5, 3)
    assert module.rows.dtype == torch.float64
    assert module.fixed.shape == (2,)
    assert set(dict(module.named_buffers())) == {"rows", "fixed"}


def test_absent_entries_and_equal_shapes_change_nothing(module):
    rows, fixed = module.rows, module.fixed
    adopt_stored_shapes(module, ["rows", "fixed"], {"fixed": torch.zeros(2)}, "")
    assert module.rows is rows
    assert module.fixed is fixed
