# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The package's version and the versions of other packages that it has been tested with."""

import warnings
from importlib import metadata

from packaging.version import Version

__version__ = "0.1.0"

# Distribution name: (lowest version that can work, version the test suite last passed with).
TESTED_RANGES: dict[str, tuple[str, str]] = {
    "torch": ("2.1.0", "2.11.0"),
    "torchvision": ("0.16.0", "0.26.0"),
    "mmengine": ("0.10.0", "0.10.7"),
    "mmcv": ("2.1.0", "2.1.0"),
    "mmsegmentation": ("1.2.0", "1.2.2"),
    "mmpretrain": ("1.2.0", "1.2.0"),
}


def warn_untested(ranges: dict[str, tuple[str, str]] = TESTED_RANGES) -> None:
    """Warn of each installed package whose version lies outside its tested range.

    A newer version usually works, so nothing is refused. A local part of a version (``+cu130``) does not count, and
    a package that is not installed is passed over: its own import says so better.

    Args:
        ranges: Distribution name -> (lowest version, highest tested version), both inclusive.
    """
    for name, (lowest, tested) in ranges.items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        release = Version(Version(installed).public)
        if release > Version(tested):
            advice = "it usually works; should something break, install the tested one"
        elif release < Version(lowest):
            advice = f"install {name}>={lowest}"
        else:
            continue
        warnings.warn(
            f"{name} {installed} lies outside the range mmluss {__version__} is tested with "
            f"({lowest} to {tested}): {advice}.",
            stacklevel=2,
        )
