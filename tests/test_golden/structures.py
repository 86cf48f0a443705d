# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Results of receptive-field searches as published checkpoints hold them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch


def structure_file(path: Path, stored: Mapping[str, np.ndarray], prefix: str, convolutions: Sequence[str]) -> str:
    """Write a checkpoint of the published format that holds stored dilations and branch weights.

    Args:
        path: File to write.
        stored: Has ``{prefix}_rates``, ``{prefix}_num_rates`` and ``{prefix}_sample_weights``, a row a convolution.
        prefix: See ``stored``.
        convolutions: Published names, one a row.
    """
    weights = {"stem.0.weight": torch.zeros(1, 3, 4, 4)}
    for row, name in enumerate(convolutions):
        weights[f"{name}.weight"] = torch.zeros(1, 1, 7, 7)
        weights[f"{name}.sample_weights"] = torch.from_numpy(stored[f"{prefix}_sample_weights"][row])
        weights[f"{name}.counter"] = torch.zeros(1)
        weights[f"{name}.current_search_step"] = torch.zeros(1)
        weights[f"{name}.rates"] = torch.from_numpy(stored[f"{prefix}_rates"][row]).int()
        weights[f"{name}.num_rates"] = torch.tensor([int(stored[f"{prefix}_num_rates"][row])], dtype=torch.int32)
    torch.save(dict(model=weights, epoch=99), path)
    return str(path)
