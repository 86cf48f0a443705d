# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re
import warnings
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

import mmluss
from mmluss.version import TESTED_RANGES, warn_untested

REQUIREMENTS = Path(__file__).parents[1] / "requirements"


def read_versions(*names: str) -> dict[str, str]:
    lines = "\n".join((REQUIREMENTS / name).read_text() for name in names)
    return dict(re.findall(r"^([\w-]+)[=>]=([\w.]+)", lines, flags=re.MULTILINE))


def test_installed_version_is_the_package_s():
    assert metadata.version("mmluss") == mmluss.__version__


@pytest.mark.parametrize("name", TESTED_RANGES)
def test_requirement_files_agree_with_the_tested_ranges(name):
    lowest, tested = TESTED_RANGES[name]
    assert read_versions("install.txt", "mminstall.txt")[name] == lowest
    assert read_versions("pinned.txt", "pinned-mmcv.txt")[name] == tested


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"numpy": ("1.0", "1.1")}, r"numpy \S+ lies outside the range mmluss \S+ is tested with \(1.0 to 1.1\)"),
        ({"numpy": ("998.0", "999.0")}, r"install numpy>=998.0"),
    ],
)
def test_version_outside_its_range_is_a_warning(ranges, message):
    with pytest.warns(UserWarning, match=message):
        warn_untested(ranges)


def test_local_part_of_a_version_does_not_count(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "2.11.0+cu130")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_untested({"torch": ("2.1.0", "2.11.0")})


def test_missing_package_is_passed_over():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_untested({"no-such-package-anywhere": ("1.0", "2.0")})


def test_versions_are_well_formed():
    for lowest, tested in TESTED_RANGES.values():
        assert Version(lowest) <= Version(tested)
