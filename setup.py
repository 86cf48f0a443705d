# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Build script: dependency ranges, and configs, tools and model index under ``mmluss/.mim`` as OpenMMLab has them."""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = Path(__file__).resolve().parent
MIM_FILES = ("configs", "tools", "model-index.yml")


def read_version() -> str:
    """Version from ``mmluss/version.py``, read as text because importing the package needs its dependencies."""
    for line in (ROOT / "mmluss" / "version.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__"):
            return line.split('"')[1]
    raise RuntimeError("mmluss/version.py does not set __version__")


def read_requirements(name: str) -> list[str]:
    """Requirements of ``requirements/<name>.txt`` without comments and blank lines."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]


def link_mim_files() -> None:
    """Link the ``.mim`` files into the source tree, where an editable installation looks for them."""
    mim = ROOT / "mmluss" / ".mim"
    mim.mkdir(exist_ok=True)
    for name in MIM_FILES:
        link = mim / name
        if link.is_symlink():
            link.unlink()
        elif link.is_dir():
            shutil.rmtree(link)
        elif link.exists():
            link.unlink()
        link.symlink_to(os.path.join("..", "..", name))


class BuildWithMimFiles(build_py):
    """Copies the ``.mim`` files into a built package."""

    def run(self) -> None:
        super().run()
        if getattr(self, "editable_mode", False):
            link_mim_files()
            return
        mim = Path(self.build_lib) / "mmluss" / ".mim"
        shutil.rmtree(mim, ignore_errors=True)
        for name in MIM_FILES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, mim / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            elif source.exists():
                mim.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, mim / name)


class DevelopWithMimFiles(develop):
    """Links the ``.mim`` files for the old kind of editable installation."""

    def run(self) -> None:
        link_mim_files()
        super().run()


setup(
    name="mmluss",
    version=read_version(),
    description="Large-scale unsupervised semantic segmentation (PASS) as an mmsegmentation plugin",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords="computer vision, unsupervised learning, semantic segmentation, ImageNet-S, PASS, OpenMMLab",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=["mmluss", "mmluss.*"]),
    package_data={"mmluss": ["py.typed", "**/*.html", "**/*.txt"]},
    entry_points={"console_scripts": ["mmluss = mmluss.cli:main"]},
    zip_safe=False,
    install_requires=read_requirements("install"),
    extras_require={
        "mim": read_requirements("mminstall"),
        "cpu": read_requirements("cpu"),
        "gpu": read_requirements("gpu"),
        "export": read_requirements("export"),
        "dev": read_requirements("dev"),
    },
    cmdclass={"build_py": BuildWithMimFiles, "develop": DevelopWithMimFiles},
)
