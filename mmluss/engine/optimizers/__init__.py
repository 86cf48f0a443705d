# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Optimizers and what decides about learning rates by depth."""

from mmluss.engine.optimizers.larc import LARC
from mmluss.engine.optimizers.layer_decay import LayerDecayOptimWrapperConstructor
from mmluss.engine.optimizers.mixed_precision import CPUAmpOptimWrapper

__all__ = ["LARC", "CPUAmpOptimWrapper", "LayerDecayOptimWrapperConstructor"]
