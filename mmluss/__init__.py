# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Large-scale unsupervised semantic segmentation: importing this package registers its parts with mmsegmentation."""

from . import converters, datasets, engine, evaluation, models
from .checkpoint_types import allow_mmengine_checkpoints
from .version import __version__, warn_untested

__all__ = ["__version__", "converters", "datasets", "engine", "evaluation", "models"]

warn_untested()
allow_mmengine_checkpoints()
