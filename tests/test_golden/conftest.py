# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Golden cases: inputs and expected outputs of a trusted reference, kept outside of the repository."""

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmluss.converters.pass_checkpoints import mmluss_to_pass, pass_to_mmluss

GOLDEN_ROOT = Path(os.environ.get("MMLUSS_GOLDEN", Path(__file__).resolve().parents[3] / "shared" / "golden"))


@dataclass(frozen=True)
class GoldenCase:
    """One entry of `cases.json` with its arrays."""

    name: str
    kind: str
    settings: dict
    seeds: dict
    tolerance: dict
    path: Path

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.path, allow_pickle=False) as file:
            return dict(file)


def golden_cases(*kinds: str) -> list[GoldenCase]:
    """All golden cases of some kinds; empty where the golden data are absent."""
    index = GOLDEN_ROOT / "cases.json"
    if not index.is_file():
        return []
    return [
        GoldenCase(
            name=case["name"],
            kind=case["kind"],
            settings=case.get("settings") or {},
            seeds=case.get("seeds") or {},
            tolerance=case.get("tolerance") or {},
            path=GOLDEN_ROOT / case["file"],
        )
        for case in json.loads(index.read_text())["cases"]
        if case["kind"] in kinds
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test with a `golden_kind` marker one run for each case of these kinds."""
    marker = metafunc.definition.get_closest_marker("golden_kind")
    if marker is None:
        return
    cases = golden_cases(*marker.args)
    if cases:
        metafunc.parametrize("case", cases, ids=lambda case: case.name)
    else:
        reason = f"no golden cases of kind {', '.join(marker.args)} in {GOLDEN_ROOT} (set MMLUSS_GOLDEN)"
        metafunc.parametrize("case", [pytest.param(None, marks=pytest.mark.skip(reason=reason))])


class OfficialWeights:
    """Weights that the golden data generate from the published names instead of storing them."""

    @staticmethod
    def fill(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
        """Value of one entry, from its published name without `module.`."""
        generator = np.random.default_rng(zlib.crc32(name.encode()) + seed)
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "num_batches_tracked":
            return torch.zeros(shape, dtype=torch.int64)
        if leaf in ("threshold", "running_mean"):
            values = 0.1 * generator.standard_normal(shape)
        elif leaf == "running_var":
            values = 1 + 0.2 * generator.uniform(0, 1, shape)
        elif len(shape) >= 2:
            values = generator.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif leaf == "weight":
            values = 1 + 0.1 * generator.standard_normal(shape)
        else:
            values = 0.1 * generator.standard_normal(shape)
        return torch.from_numpy(values.astype(np.float32))

    def filled(self, shapes: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
        """Values for all entries of a state dict with published names."""
        return {name: self.fill(name, tuple(value.shape), seed) for name, value in shapes.items()}

    def published(self, model: nn.Module, seed: int) -> dict[str, Tensor]:
        """Values under their published names for one of our models."""
        return self.filled(mmluss_to_pass(model.state_dict()), seed)

    def fill_model(self, model: nn.Module, seed: int) -> None:
        """Give one of our models the values of its published counterpart."""
        model.load_state_dict(pass_to_mmluss(self.published(model, seed)))


@pytest.fixture(scope="session")
def official_weights() -> OfficialWeights:
    return OfficialWeights()


@pytest.fixture
def image_batch():
    """Stored uint8 images as the float32 that golden networks get."""

    def convert(images: np.ndarray) -> Tensor:
        return (torch.from_numpy(images).float() / 255 - 0.5) / 0.25

    return convert
