# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch) -> Iterator[Callable[[str], ModuleType]]:
    """Gives the module of a benchmark.

    Benchmarks import each other by their mere names, which mean nothing to other tests.
    """
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in {path.stem for path in FOLDER.glob("*.py")} & sys.modules.keys():
        del sys.modules[name]


@pytest.fixture
def run_here(load, monkeypatch) -> Callable[..., None]:
    """Runs a benchmark with arguments in this process, which has imported everything."""

    def run(name: str, *arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        load(name).main()

    return run
