# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Buffers whose size is known only while running, such as the centroids'."""

from collections.abc import Iterable

from torch import Tensor, nn


def adopt_stored_shapes(module: nn.Module, names: Iterable[str], state_dict: dict[str, Tensor], prefix: str) -> None:
    """Give buffers of a module the shapes they have in a state dict, so that it loads.

    Args:
        module: The owner of the buffers.
        names: Names of buffers.
        state_dict: What is about to be loaded.
        prefix: The module's prefix in the state dict, with its trailing dot.
    """
    for name in names:
        stored = state_dict.get(prefix + name)
        buffer = getattr(module, name)
        if stored is not None and stored.shape != buffer.shape:
            setattr(module, name, buffer.new_zeros(stored.shape))
