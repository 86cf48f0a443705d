# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Golden cases: inputs and expected outputs of a trusted reference, kept outside of the repository."""

import json
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass, pass_to_mmluss

GOLDEN_ROOT = Path(os.environ.get("MMLUSS_GOLDEN", Path(__file__).resolve().parents[3] / "shared" / "golden"))


@dataclass(frozen=True)
class GoldenCase:
    """One entry of ``cases.json`` with its arrays."""

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

    def limit(self, *keys: str, before: str | None = None, after: str | None = None) -> float:
        """The number in one of the tolerances, written as "abs 1e-3", "1e-4 * max", "rel 2e-2" or "within 4 %".

        Args:
            keys: Where the tolerance is.
            before: Words that follow the number, where there are several; the last one before them counts.
            after: Words that precede it.
        """
        text: Any = self.tolerance
        for key in keys:
            text = text[key]
        if isinstance(text, int | float):
            return float(text)
        for words in filter(None, (before, after)):
            assert words in text, f"{self.name}: no {words!r} in the tolerance {text!r}"
        text = text.partition(after)[2] if after else text.partition(before)[0] if before else text
        numbers = re.findall(r"(?<![\w.])(\d[\d.]*(?:e-?\d+)?)( %)?", text)
        value, percent = numbers[-1] if before else numbers[0]
        return float(value) / (100 if percent else 1)


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
    """Give every test with a ``golden_kind`` marker one run for each case of these kinds."""
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
    @lru_cache(maxsize=2048)
    def fill(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
        """Value of one entry, from its published name without ``module.``."""
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


@pytest.fixture(scope="session")
def resnet_config():
    """``r18``, ``resnet50``, ``r50_d16`` ... as a config of mmseg's ResNet."""

    def config(arch: str) -> dict:
        depth, stride_16 = re.fullmatch(r"r(?:esnet)?(\d+)(_d16)?", arch).groups()
        common = dict(type="ResNet", depth=int(depth), norm_cfg=dict(type="BN"), zero_init_residual=False)
        if not stride_16:
            return common
        return dict(common, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True)

    return config


def stored_names(table: np.ndarray) -> list[str]:
    """Lines of a text stored as UTF-8 bytes."""
    return table.tobytes().decode().splitlines()


@pytest.fixture
def assert_gradient_norms():
    """Compare gradients with stored norms, -1 for none; tiny ones are rounding noise of biases before a batch norm."""

    def compare(model: nn.Module, names: np.ndarray, norms: np.ndarray, relative: float, rename=mmluss_to_pass) -> None:
        parameters = rename(dict(model.named_parameters()))
        expected = dict(zip(stored_names(names), norms, strict=True))
        assert parameters.keys() == expected.keys()
        noise = 1e-4 * norms.max()
        for name, parameter in parameters.items():
            computed = -1.0 if parameter.grad is None else float(parameter.grad.norm())
            if expected[name] > noise:
                np.testing.assert_allclose(computed, expected[name], rtol=relative, err_msg=name)
            else:
                assert computed <= 2 * noise
                assert (computed == -1.0) == (expected[name] == -1.0), name

    return compare
