# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np

from mmluss.visualization.report.charts import confusion_chart


def test_names_are_no_formulas():
    names = ["$\\frac{1}$", "5$ to 6$"]
    svg = confusion_chart(np.eye(2, dtype=int), names, names)
    assert all(svg.count(name) == 2 for name in names)
