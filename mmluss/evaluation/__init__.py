# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from .counts import LabelCounts
from .luss_metric import LUSSMetric
from .threshold_sweep import ThresholdSweep

__all__ = ["LUSSMetric", "LabelCounts", "ThresholdSweep"]
