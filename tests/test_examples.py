# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The ``Example:`` blocks of docstrings give what they say."""

import doctest
import importlib
from pathlib import Path
from types import FunctionType

import pytest

import mmluss
from mmluss.datasets.transforms import MultiCrop
from mmluss.datasets.transforms.overlap_grid import overlap_grid
from mmluss.evaluation.matching import assign_one_to_one
from mmluss.models import GrabCut
from mmluss.models.pixel_attention.nearest_centroid import nearest_centroids
from mmluss.models.pretraining.losses import pixel_to_pixel_loss
from mmluss.models.pretraining.sinkhorn import sinkhorn

PACKAGE = Path(__file__).parents[1] / "mmluss"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text()
)
WITH_EXAMPLES = [value for value in map(mmluss.__dict__.get, mmluss.__all__) if isinstance(value, type | FunctionType)]
# What people build a method of their own from.
WITH_EXAMPLES += [sinkhorn, overlap_grid, pixel_to_pixel_loss, nearest_centroids, assign_one_to_one, MultiCrop, GrabCut]


@pytest.mark.parametrize("value", WITH_EXAMPLES, ids=lambda value: value.__name__)
def test_public_names_have_an_example(value):
    assert "Example:" in value.__doc__


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
