# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import mmluss

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what goes into a package, so that building leaves nothing behind in the source tree."""
    copy = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", ".mim")
    for folder in ("mmluss", "configs", "tools", "requirements"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for name in (
        "setup.py",
        "MANIFEST.in",
        "README.md",
        "LICENSE",
        "CITATION.cff",
        "model-index.yml",
        "pyproject.toml",
    ):
        shutil.copy(ROOT / name, copy / name)
    return copy


def run(*command, cwd):
    environment = os.environ | {"PIP_NO_INDEX": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def packed_files():
    """Paths below .mim that an installation has to hold."""
    folders = [path for folder in ("configs", "tools") for path in (ROOT / folder).rglob("*")]
    return {
        path.relative_to(ROOT).as_posix() for path in folders if path.is_file() and "__pycache__" not in path.parts
    } | {"model-index.yml"}


def test_wheel_holds_configs_tools_and_model_index(source, tmp_path):
    wheel_options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    run("-m", "pip", "wheel", "--quiet", *wheel_options, ".", cwd=source)
    [wheel] = tmp_path.glob("mmluss-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    packed = {name.removeprefix("mmluss/.mim/") for name in names if name.startswith("mmluss/.mim/")}
    assert packed == packed_files()
    assert f"Version: {mmluss.__version__}" in info
    assert "mmluss/py.typed" in names
    assert "mmluss/version.py" in names and not any(name.startswith("tests/") for name in names)


def test_source_distribution_holds_what_a_wheel_is_built_from(source, tmp_path):
    run("setup.py", "--quiet", "sdist", "--dist-dir", str(tmp_path), cwd=source)
    [archive] = tmp_path.glob("mmluss-*.tar.gz")
    with tarfile.open(archive) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    assert packed_files() <= names
    assert {"setup.py", "requirements/install.txt", "mmluss/version.py", "LICENSE"} <= names
    assert not any(name.startswith("mmluss/.mim") for name in names)


@pytest.mark.skipif(not (ROOT / "mmluss" / ".mim").exists(), reason="mmluss is not installed from this source tree")
@pytest.mark.parametrize("name", ["configs", "tools", "model-index.yml"])
def test_editable_installation_links_to_the_source_tree(name):
    link = ROOT / "mmluss" / ".mim" / name
    assert link.is_symlink() and link.resolve() == (ROOT / name).resolve()


def test_dependencies_are_ranges():
    requirements = metadata.requires("mmluss")
    assert any(requirement.startswith("torch>=") for requirement in requirements)
    assert not [requirement for requirement in requirements if "==" in requirement.partition(";")[0]]
    assert {"cpu", "gpu", "dev", "mim"} <= set(metadata.metadata("mmluss").get_all("Provides-Extra"))
