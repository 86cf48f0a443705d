# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
from mmengine.config import Config
from mmseg.registry import METRICS

from mmluss.apis.tools.evaluators import luss_metrics
from mmluss.evaluation import LUSSMetric

OWN, OTHER = dict(type="LUSSMetric"), dict(type="IoUMetric")


@pytest.mark.parametrize(
    ("evaluator", "count"),
    [
        (None, 0),
        (OWN, 1),
        (OTHER, 0),
        (dict(type="mmseg.LUSSMetric"), 1),
        (dict(type=LUSSMetric), 1),
        (dict(type="NoSuchMetric"), 0),
        ([OTHER, OWN], 1),
        (dict(type="Evaluator", metrics=[OWN, OTHER, OWN]), 2),
    ],
)
def test_metrics_are_found_in_every_form(evaluator, count):
    cfg = Config(dict(evaluator=evaluator))
    for metric in luss_metrics(cfg.evaluator):
        metric["num_clusters"] = 3
    assert str(cfg.evaluator).count("num_clusters") == count


def test_a_derived_metric_counts_too():
    @METRICS.register_module()
    class MetricOfATest(LUSSMetric):
        pass

    try:
        assert luss_metrics(dict(type="MetricOfATest")) == [dict(type="MetricOfATest")]
    finally:
        METRICS.module_dict.pop("MetricOfATest")
