# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One picture that shows what each step makes of a few images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.utils.atomic_files import replace_file

_IGNORE_COLOR = (255, 255, 255)
# Not in the palette of the classes, whose values are multiples of 64 or next to them.
_UNMATCHED_COLOR = (255, 210, 30)


@dataclass(frozen=True)
class PanelRow:
    """One image and its maps, all at the image's size; label maps hold true ids.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB.
        truth: ``(H, W)`` ids, 1000 = ignored.
        attention: ``(H, W)`` float in [0, 1].
        pixel_label: ``(H, W)`` ids of step 2.
        prediction: ``(H, W)`` ids of the fine-tuned model.
    """

    image: np.ndarray
    truth: np.ndarray
    attention: np.ndarray
    pixel_label: np.ndarray
    prediction: np.ndarray


def color_labels(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Colors ``(H, W, 3)`` uint8 of ids ``(H, W)``; ignored pixels are white, ids without a category yellow.

    Args:
        labels: Ids 0..N, 1000 = ignored, negative = no category.
        palette: One RGB triple for each of the N + 1 classes.
    """
    table = np.full((IGNORE_INDEX + 2, 3), _UNMATCHED_COLOR, np.uint8)
    table[: len(palette)] = palette
    table[IGNORE_INDEX] = _IGNORE_COLOR
    return table[np.where(labels < 0, IGNORE_INDEX + 1, labels)]


def draw_panel(
    rows: Sequence[PanelRow], classes: Sequence[str], palette: Sequence[Sequence[int]], path: str | Path
) -> Path:
    """Write a PNG with one row an image: photo, truth, attention, pixel label, prediction, and a legend.

    Args:
        rows: What to show.
        classes: N + 1 names.
        palette: One RGB triple for each class.
        path: File to write; replaced in one piece.

    Returns:
        The path.
    """
    titles = ("photo", "truth", "attention", "pixel label (step 2)", "prediction (step 4)")
    figure = Figure(figsize=(2.2 * len(titles), 2.2 * len(rows) + 1.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    shown: set[int] = set()
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for line, row in zip(axes, rows, strict=True):
        maps = (row.truth, row.pixel_label, row.prediction)
        shown.update(int(label) for labels in maps for label in np.unique(labels) if 0 < label < len(classes))
        truth, pixel_label, prediction = (color_labels(labels, palette) for labels in maps)
        pictures = (row.image, truth, row.attention, pixel_label, prediction)
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture, interpolation="nearest", cmap="magma")
            axis.set_axis_off()
    handles = [Patch(color=_fractions(palette[label]), label=classes[label]) for label in sorted(shown)]
    handles.append(Patch(color=_fractions(_UNMATCHED_COLOR), label="no category"))
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)
    for text in legend.get_texts():
        # Names are no formulas, whatever dollars they have.
        text.set_parse_math(False)
    with replace_file(path) as file:
        figure.savefig(file, dpi=110, format="png")
    return Path(path)


def _fractions(color: Sequence[int]) -> tuple[float, float, float]:
    red, green, blue = color
    return red / 255, green / 255, blue / 255
