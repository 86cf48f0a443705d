# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from . import datasets, engine, evaluation, models

__all__ = ["datasets", "engine", "evaluation", "models"]
