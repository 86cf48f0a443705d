# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Data flow one way: no folder imports one above it, and no modules import each other in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mmluss"
# From the ground up: each may import what stands before it.
FLOORS = (
    "version",
    "dependencies",
    "registry",
    "utils",
    "datasets",
    "checkpoints",
    "models",
    "evaluation",
    "clustering",
    "engine",
    "visualization",
    "registration",
    "mmluss",
    "apis",
    "cli",
    "__main__",
)

# The same within ``mmluss.apis``.
ROOMS = ("tools", "steps", "results", "segmenting", "pipeline", "discovery")


def module_name(path, root):
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(tree, modules):
    """Modules that a syntax tree imports anywhere but for type checking, functions included."""
    typing_only = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module in modules:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in modules else node.module


def import_graph(root):
    trees = {module_name(path, root): ast.parse(path.read_text()) for path in root.rglob("*.py")}
    return {name: set(imports_of(tree, trees)) - {name} for name, tree in trees.items()}


def floor(module):
    return FLOORS.index(module.split(".")[1] if "." in module else module)


def upward_arrows(graph):
    return [f"{one} -> {other}" for one, others in graph.items() for other in others if floor(one) < floor(other)]


def test_no_arrow_points_upwards():
    graph = import_graph(PACKAGE)
    assert len(graph) > 50
    assert upward_arrows(graph) == []


def test_no_room_of_the_whole_jobs_imports_a_later_one():
    arrows = [
        (one.split(".")[2], other.split(".")[2])
        for one, others in import_graph(PACKAGE).items()
        for other in others
        if one.startswith("mmluss.apis.") and other.startswith("mmluss.apis.")
    ]
    assert len(arrows) > 30
    assert [(one, other) for one, other in arrows if ROOMS.index(one) < ROOMS.index(other)] == []


def test_there_is_no_circle():
    TopologicalSorter(import_graph(PACKAGE)).prepare()


def test_no_relative_imports():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert [p for p, tree in trees.items() for node in ast.walk(tree) if getattr(node, "level", 0)] == []


@pytest.fixture
def small_package(tmp_path):
    def write(**modules):
        for name, text in modules.items():
            path = tmp_path / "mmluss" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return tmp_path / "mmluss"

    return write


def test_an_upward_arrow_is_seen_even_inside_a_function(small_package):
    root = small_package(utils="def late():\n    from mmluss.models import net", models="net = 1")
    assert upward_arrows(import_graph(root)) == ["mmluss.utils -> mmluss.models"]


def test_a_circle_is_seen(small_package):
    root = small_package(utils="import mmluss.models", models="from mmluss import utils", __init__="")
    with pytest.raises(CycleError):
        TopologicalSorter(import_graph(root)).prepare()
