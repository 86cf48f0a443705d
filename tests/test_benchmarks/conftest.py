# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def beside_benchmarks(monkeypatch) -> Iterator[None]:
    """Benchmarks import each other by their mere names, which mean nothing to other tests."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in {path.stem for path in FOLDER.glob("*.py")} & sys.modules.keys():
        del sys.modules[name]


@pytest.fixture
def load(beside_benchmarks) -> Callable[[str], ModuleType]:
    """Gives the module of a benchmark."""
    return importlib.import_module


@pytest.fixture
def run_here(beside_benchmarks, monkeypatch) -> Callable[..., None]:
    """Runs a benchmark with arguments in this process, which has imported everything."""

    def run(name: str, *arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(FOLDER / name), run_name="__main__")

    return run


@pytest.fixture
def run_process() -> Callable[..., subprocess.CompletedProcess]:
    """Runs a benchmark with arguments in a process of its own, which sees no GPU."""

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess:
        environment = os.environ | dict(CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1", PYTHONPATH=str(FOLDER.parent))
        command = [sys.executable, "-W", "ignore", FOLDER / name, *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)

    return run
