# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The metrics of this project in a config's evaluator, in whichever of mmengine's forms it is given."""

from typing import Any

from mmseg.registry import METRICS

from mmluss.evaluation import LUSSMetric


def luss_metrics(evaluator: Any) -> list[dict]:
    """Configs of ``LUSSMetric`` and what derives from it.

    Args:
        evaluator: A metric, a list of metrics, an evaluator with ``metrics``, or None.

    Returns:
        The configs themselves, to be changed in place.
    """
    if evaluator is None:
        return []
    if isinstance(evaluator, list | tuple):
        return [metric for part in evaluator for metric in luss_metrics(part)]
    if "metrics" in evaluator:
        return luss_metrics(evaluator["metrics"])
    kind = evaluator["type"]
    metric = kind if isinstance(kind, type) else METRICS.get(kind)
    return [evaluator] if isinstance(metric, type) and issubclass(metric, LUSSMetric) else []
