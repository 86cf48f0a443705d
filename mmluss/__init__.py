# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from . import converters, datasets, engine, evaluation, models

__all__ = ["converters", "datasets", "engine", "evaluation", "models"]
