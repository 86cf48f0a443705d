# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One self-contained page that shows what a run found in a folder of photos."""

from mmluss.visualization.report.facts import ClusterFacts, Curve, Histogram, MapPoint, Picture, ReportFacts
from mmluss.visualization.report.page import write_report

__all__ = ["ClusterFacts", "Curve", "Histogram", "MapPoint", "Picture", "ReportFacts", "write_report"]
