# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Large-scale unsupervised semantic segmentation: importing this package registers its parts with mmsegmentation.

What else the import changes is all in ``register``, which it calls once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmluss.dependencies import check_dependencies

# First of all, so that what is missing is named with the command that brings it.
check_dependencies()

from mmluss import checkpoints, clustering, datasets, engine, evaluation, models, visualization
from mmluss.datasets import ImageNetSDataset
from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.evaluation import LUSSMetric, ThresholdSweep
from mmluss.models import KNNSegmentor, LUSSSegmentor, PASSPretrainer, PixelAttentionSegmentor
from mmluss.registration import register
from mmluss.version import __version__

if TYPE_CHECKING:
    from mmluss.apis import PASSPipeline
    from mmluss.apis.segmenting.segmenter import Segmenter

__all__ = [
    "ImageNetSDataset",
    "KNNSegmentor",
    "LUSSMetric",
    "LUSSSegmentor",
    "PASSPipeline",
    "PASSPretrainer",
    "PixelAttentionSegmentor",
    "Segmenter",
    "ThresholdSweep",
    "__version__",
    "checkpoints",
    "clustering",
    "datasets",
    "engine",
    "evaluation",
    "models",
    "read_label_map",
    "register",
    "visualization",
    "write_label_map",
]

# What training and testing never need: imported when it is asked for. Name -> module.
_LAZY = {"PASSPipeline": "mmluss.apis", "Segmenter": "mmluss.apis.segmenting.segmenter"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmluss' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register()
