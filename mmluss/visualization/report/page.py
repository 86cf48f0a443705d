# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The page itself: facts into a jinja2 template, everything embedded, so that the file works offline and alone."""

import base64
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from mmluss.utils.atomic_files import replace_file
from mmluss.version import __version__
from mmluss.visualization.report.charts import confusion_chart, curve_chart, histogram_chart
from mmluss.visualization.report.facts import Picture, ReportFacts


def write_report(facts: ReportFacts, path: str | Path) -> Path:
    """Write the page.

    Args:
        facts: What it shows.
        path: HTML file to write; its folder is made if need be, a file there is replaced in one piece.

    Returns:
        The path.
    """
    page = render_report(facts)
    with replace_file(path) as file:
        # Names of files need not be text.
        file.write(page.encode(errors="replace"))
    return Path(path)


def render_report(facts: ReportFacts) -> str:
    """The page as text; names and captions are escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(uri=_data_uri, rgb=lambda color: "#{:02x}{:02x}{:02x}".format(*color))
    template = environment.from_string(
        resources.files("mmluss.visualization.report").joinpath("template.html").read_text(encoding="utf-8")
    )
    charts = {f"loss: {name}": curve_chart(curve) for name, curve in facts.losses.items()}
    if facts.histogram is not None:
        charts["foreground score and threshold"] = histogram_chart(facts.histogram)
    if facts.criterion is not None:
        charts["number of clusters"] = curve_chart(facts.criterion)
    if facts.sweep is not None:
        charts["threshold on validation photos"] = curve_chart(facts.sweep)
    confusion = None
    if facts.confusion is not None:
        names = [cluster.name for cluster in sorted(facts.clusters, key=lambda cluster: cluster.id)]
        confusion = confusion_chart(facts.confusion, names, facts.categories)
    return template.render(facts=facts, charts=charts, confusion=confusion, version=__version__)


def _data_uri(picture: Picture) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.data).decode()
