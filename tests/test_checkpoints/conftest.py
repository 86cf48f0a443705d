# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import runpy
import sys
from pathlib import Path

import pytest
import torch

TOOLS = Path(__file__).resolve().parents[2] / "tools" / "model_converters"


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def run_converter(monkeypatch):
    """Run a tool of tools/model_converters in this process."""

    def run(name: str, *arguments: object) -> None:
        tool = str(TOOLS / name)
        monkeypatch.setattr(sys, "argv", [tool, *map(str, arguments)])
        runpy.run_path(tool, run_name="__main__")

    return run
