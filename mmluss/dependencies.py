# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What mmluss cannot be imported without, and the command that installs it."""

from importlib import import_module
from importlib.util import find_spec

_INSTALLER = "bash tools/install.sh"
# Module -> (what it is, the command for that alone). mmcv is not on the list of its kin: it has to be compiled.
_MODULES = {
    "torch": ("PyTorch", "pip install torch torchvision"),
    "mmengine": ("mmengine", "pip install mmengine"),
    "mmcv": ("mmcv", "bash tools/build_mmcv_wheel.sh python 2.1.0 wheels && pip install wheels/mmcv-*.whl"),
    "mmseg": ("mmsegmentation", "pip install mmsegmentation ftfy regex"),
    "mmpretrain": ("mmpretrain", "pip install mmpretrain"),
    "faiss": ("faiss", "pip install faiss-cpu (or faiss-gpu with an NVIDIA GPU, never both)"),
}


def check_dependencies() -> None:
    """Refuse to go on where a package that mmluss imports is missing, or where mmcv comes without its operators.

    Raises:
        ImportError: Names all missing packages, the command that installs everything and the ones for each alone.
    """
    missing = [name for name in _MODULES if find_spec(name) is None]
    if missing:
        lines = [f"  {_MODULES[name][0]}: {_MODULES[name][1]}" for name in missing]
        raise ImportError(
            f"mmluss needs {', '.join(_MODULES[name][0] for name in missing)}, not found here. In the folder of mmluss "
            f"this installs everything:\n  {_INSTALLER}\nor, one by one:\n" + "\n".join(lines)
        )
    try:
        import_module("mmcv.ops")
    except ImportError as error:
        raise ImportError(
            f"mmcv is here, but not its compiled operators (mmcv.ops: {error}). They have to fit the installed torch. "
            f"In the folder of mmluss this compiles them:\n  {_INSTALLER}\nor, for mmcv alone:\n  {_MODULES['mmcv'][1]}"
        ) from error
