# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Charts of a report as SVG that takes its text color from the page, so that it reads in light and dark."""

import io
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from mmluss.visualization.report.facts import Curve, Histogram

_ACCENT, _MARK, _INK = "#3b82f6", "#f97316", "#123456"


def curve_chart(curve: Curve) -> str:
    """SVG of a line, its chosen position marked."""
    figure, axes = _figure(4.6, 2.6)
    axes.plot(curve.x, curve.y, color=_ACCENT, linewidth=1.6)
    if curve.chosen is not None:
        axes.axvline(curve.chosen, color=_MARK, linewidth=1.4, linestyle="--")
    axes.set_xlabel(curve.x_label)
    axes.set_ylabel(curve.y_label)
    return _svg(figure)


def histogram_chart(histogram: Histogram) -> str:
    """SVG of a histogram with its threshold; bins are joined to at most 128."""
    counts, edges = histogram.counts, histogram.edges
    joined = -(-len(counts) // 128)
    starts = np.arange(0, len(counts), joined)
    figure, axes = _figure(4.6, 2.6)
    axes.stairs(np.add.reduceat(counts, starts), np.append(edges[starts], edges[-1]), fill=True, color=_ACCENT)
    axes.axvline(histogram.threshold, color=_MARK, linewidth=1.4, linestyle="--")
    used = np.flatnonzero(counts > counts.sum() * 1e-4)
    if len(used):
        axes.set_xlim(edges[used[0]], edges[used[-1] + 1])
    axes.set_xlabel("foreground score")
    axes.set_ylabel("pixels")
    axes.set_yticks([])
    return _svg(figure)


def confusion_chart(confusion: np.ndarray, clusters: Sequence[str], categories: Sequence[str]) -> str:
    """SVG of the share of each category in each cluster, rows clusters, columns categories.

    Rows are in the order of their largest category, the purest first, so that clusters that fit categories make a
    diagonal; those that share nothing with any come last.

    Args:
        confusion: ``(K, N)`` counts.
        clusters: K names.
        categories: N names.
    """
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    largest = np.where(confusion.any(axis=1), shares.argmax(axis=1), len(categories))
    order = np.lexsort((-shares.max(axis=1), largest))
    shares, clusters = shares[order], [clusters[index] for index in order]
    figure, axes = _figure(min(2.5 + 0.24 * len(categories), 14), min(1.8 + 0.24 * len(clusters), 14))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    if len(categories) <= 60:
        # Names are no formulas, whatever dollars they have.
        axes.set_xticks(range(len(categories)), categories, rotation=60, ha="right", parse_math=False)
    if len(clusters) <= 60:
        axes.set_yticks(range(len(clusters)), clusters, parse_math=False)
    axes.set_xlabel("category")
    axes.set_ylabel("cluster")
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.xaxis.label.set(color=_INK, size=9)
    axes.yaxis.label.set(color=_INK, size=9)
    for name, spine in axes.spines.items():
        spine.set_color(_INK)
        spine.set_visible(name in ("left", "bottom"))
    return figure, axes


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    # Without a date and random ids the same facts give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "mmluss", "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    svg = text.getvalue()[text.getvalue().index("<svg") :].replace(_INK, "currentColor")
    # The height follows the width, which a phone may make smaller but no desktop larger than this.
    width = figure.get_size_inches()[0] * 120
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg", f'<svg style="max-width:{width:.0f}px"', 1)
