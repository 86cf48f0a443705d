# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Every score and protocol of ImageNet-S."""

from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.luss_metric import LUSSMetric
from mmluss.evaluation.thresholds.threshold_sweep import ThresholdSweep

__all__ = ["LUSSMetric", "LabelCounts", "ThresholdSweep"]
