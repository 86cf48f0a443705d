# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Batches of multi-crop samples."""

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import default_collate
from mmengine.registry import FUNCTIONS


@FUNCTIONS.register_module()
def multi_crop_collate(samples: Sequence[dict], _scope_: str | None = None) -> Any:
    """Stack crops of one place in the list to a batch; mmengine's ``default_collate`` under a scope of its own.

    Args:
        samples: Of ``PackMultiCrops``.
        _scope_: Not used; mmengine adds it to what a config named ``mmluss::...`` holds.
    """
    return default_collate(samples)
