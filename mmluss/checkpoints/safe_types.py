# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Let ``torch.load(weights_only=True)`` read the checkpoints that mmengine writes.

Beside tensors, mmengine's message hub puts its log histories and numpy numbers into a checkpoint. torch >= 2.6 refuses
to build types that it does not know, and with them ``--resume``, ``load_from`` and testing.
"""

import pickle
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version

_STATISTICS = {name: getattr(HistoryBuffer, name) for name in ("min", "max", "current", "mean")}


def _history_statistic(owner: type, name: str) -> object:
    """Stands in for ``getattr``, with which a pickled ``HistoryBuffer`` names its statistics functions."""
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise pickle.UnpicklingError(f"getattr({owner!r}, {name!r}) in a checkpoint: not a statistic of HistoryBuffer.")
    return _STATISTICS[name]


def _numpy_globals() -> list[Any]:
    """What rebuilds numpy's arrays and numbers; checkpoints of numpy 1 and 2 name the functions differently."""
    reconstruct, scalar = np.empty(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    functions = [
        (function, f"numpy.{core}.multiarray.{name}")
        for function, name in ((reconstruct, "_reconstruct"), (scalar, "scalar"))
        for core in ("core", "_core")
    ]
    dtypes = {type(np.dtype(kind)) for kind in (np.bool_, np.int32, np.int64, np.float16, np.float32, np.float64)}
    return [np.ndarray, np.dtype, *functions, *dtypes]


def allow_mmengine_checkpoints() -> None:
    """Allow-list exactly what mmengine's checkpoints hold: ``HistoryBuffer``, numpy arrays and numpy numbers.

    Anything else in a checkpoint is refused as before. ``getattr`` is replaced by a function that gives nothing but
    the four statistics of ``HistoryBuffer``. Does nothing with torch < 2.6, which reads checkpoints without asking.
    """
    if digit_version(torch.__version__) < digit_version("2.6.0"):
        return
    torch.serialization.add_safe_globals([HistoryBuffer, (_history_statistic, "builtins.getattr"), *_numpy_globals()])
