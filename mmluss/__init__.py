# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Large-scale unsupervised semantic segmentation: importing this package registers its parts with mmsegmentation."""

from mmluss import checkpoints, datasets, engine, evaluation, models
from mmluss.checkpoints.safe_types import allow_mmengine_checkpoints
from mmluss.utils.config_lookup import register_config_lookup
from mmluss.version import __version__, warn_untested

__all__ = ["__version__", "checkpoints", "datasets", "engine", "evaluation", "models"]

warn_untested()
allow_mmengine_checkpoints()
register_config_lookup()
