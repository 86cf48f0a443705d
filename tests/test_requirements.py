# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The pinned packages: each has hashes of its files and a license on the page of licenses."""

import importlib.util
import re
import subprocess
import sys
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PINS = sorted(path.name for path in (ROOT / "requirements").glob("pinned*.txt"))
TOOL = ROOT / "tools" / "misc" / "make_license_table.py"
_spec = importlib.util.spec_from_file_location("make_license_table", TOOL)
licenses = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(licenses)


def requirements(path: Path) -> dict[str, list[str]]:
    """Requirement -> its hashes."""
    text = re.sub(r"\\\n", " ", path.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    parts = [re.split(r"\s+--hash=", line.strip()) for line in lines]
    return {str(Requirement(requirement.strip())): hashes for requirement, *hashes in parts}


@pytest.mark.parametrize("name", PINS)
def test_every_pin_has_hashes(name):
    pins, hashed = (requirements(ROOT / "requirements" / folder / name) for folder in ("", "hashed"))
    assert pins.keys() == hashed.keys()
    assert [pin for pin, hashes in hashed.items() if not hashes] == []
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for hashes in hashed.values() for one in hashes)
    assert [pin for pin, hashes in hashed.items() if len(set(hashes)) < len(hashes)] == []


def test_hashes_are_those_of_all_platforms():
    hashed = requirements(ROOT / "requirements" / "hashed" / "pinned.txt")
    # One for each of at least three Python versions on Linux x86_64 and ARM, macOS and Windows.
    for package in ("torch==2.11.0", "torchvision==0.26.0"):
        assert len(hashed[package]) >= 3 * 4


def test_nothing_else_is_in_the_folder_of_hashes():
    assert sorted(path.name for path in (ROOT / "requirements" / "hashed").iterdir()) == PINS


def test_scripts_are_sound():
    scripts = [ROOT / "tools" / name for name in ("install.sh", "build_mmcv_wheel.sh", "misc/hash_requirements.sh")]
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True, timeout=20)


def test_mmcv_of_another_version_has_no_hash(tmp_path):
    command = ["bash", ROOT / "tools" / "build_mmcv_wheel.sh", sys.executable, "2.0.0", tmp_path]
    environment = dict(MMLUSS_REQUIRE_HASHES="1", PATH="/usr/bin:/bin", CXX="true", HOME=str(tmp_path))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "no hash for mmcv 2.0.0" in done.stderr or "Python.h is missing" in done.stderr
    assert list(tmp_path.glob("*.whl")) == []


def listed() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| ([\w.-]+) \| ([\w., ]+) \| (.+) \|$", (ROOT / licenses.PAGE).read_text(), re.M)
    return {package: (versions, stated) for package, versions, stated in rows if package != "package"}


def test_every_pinned_package_is_on_the_page_of_licenses():
    pinned = {package: ", ".join(versions) for package, versions in licenses.pinned_versions(ROOT).items()}
    assert len(pinned) > 150
    assert {package: versions for package, (versions, _) in listed().items()} == pinned
    assert [package for package, (_, stated) in listed().items() if len(stated) < 2 or "UNKNOWN" in stated] == []


def test_page_says_what_the_installed_packages_say():
    different = {}
    for package, (versions, stated) in listed().items():
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        # Other versions may have changed it.
        if versions.split(", ")[-1] == installed and licenses.license_of(package) != stated:
            different[package] = (stated, licenses.license_of(package))
    assert different == {}


def info(**entries: str) -> Message:
    message = Message()
    for name, value in entries.items():
        for one in value if isinstance(value, list) else [value]:
            message[name.replace("_", "-")] = one
    return message


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (dict(License_Expression="MIT OR Apache-2.0", License="x"), "MIT OR Apache-2.0"),
        (dict(License="Apache 2.0"), "Apache-2.0"),
        (dict(License="Copyright (c) somebody", Classifier=["License :: OSI Approved :: BSD License"]), "BSD"),
        (dict(License="a whole\nlicense", Classifier=["License :: OSI Approved :: MIT License"]), "MIT"),
        (
            dict(
                License="UNKNOWN", Classifier=["License :: OSI Approved", "License :: A", "License :: B", "Topic :: C"]
            ),
            "A or B",
        ),
        (dict(License="UNKNOWN"), None),
        ({}, None),
    ],
)
def test_licenses_are_read_from_metadata(entries, expected):
    assert licenses.stated_license(info(**entries)) == expected


def test_package_without_a_license_is_an_error():
    with pytest.raises(ValueError, match="no-such-package states no license"):
        licenses.license_of("no-such-package")


def test_check_fails_where_the_page_is_old(tmp_path, monkeypatch, capsys):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "requirements" / "pinned.txt").write_text("six==1.17.0\nsix==1.16.0 ; python_version < '3'\n")
    monkeypatch.setattr(licenses, "ROOT", tmp_path)
    assert licenses.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert licenses.main([]) == 0
    assert "| six | 1.17.0, 1.16.0 | MIT |" in (tmp_path / "docs" / "licenses.md").read_text().splitlines()
    assert licenses.main(["--check"]) == 0
