# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Golden cases: inputs and expected outputs of a trusted reference, kept outside of the repository."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

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
