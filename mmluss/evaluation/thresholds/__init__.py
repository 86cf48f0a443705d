# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All scores at every foreground threshold, from one pass over the data set."""

from mmluss.evaluation.thresholds.threshold_sweep import ThresholdSweep, ascending_thresholds

__all__ = ["ThresholdSweep", "ascending_thresholds"]
