# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The mIoU at every foreground threshold, as a table or a picture."""

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmluss.utils.atomic_files import replace_file, write_csv

SUFFIXES = (".csv", ".png", ".svg", ".pdf")


def check_curve_file(path: str | Path) -> None:
    """Refuse a file that ``write_threshold_curve`` cannot write, before anything is computed.

    Raises:
        ValueError: If its suffix is not one of ``SUFFIXES``.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: a curve is written as one of {', '.join(SUFFIXES)}")


def write_threshold_curve(path: str | Path, thresholds: np.ndarray, miou: np.ndarray) -> None:
    """Write a curve of mIoU over thresholds.

    Args:
        path: ``.csv`` for a table with the columns ``threshold`` and ``mIoU``, or ``.png``, ``.svg`` or ``.pdf``.
        thresholds: ``(T,)`` ascending.
        miou: ``(T,)`` in percent.

    Raises:
        ValueError: If the suffix is another.
    """
    check_curve_file(path)
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        rows = ((f"{threshold:.10g}", f"{value:.4f}") for threshold, value in zip(thresholds, miou, strict=True))
        write_csv(path, ("threshold", "mIoU"), rows, for_spreadsheets=False)
        return
    with replace_file(path) as file:
        file.write(_picture(thresholds, miou, suffix.removeprefix(".")))


def _picture(thresholds: np.ndarray, miou: np.ndarray, kind: str) -> bytes:
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    best = int(miou.argmax())
    axes.plot(thresholds, miou)
    axes.axvline(thresholds[best], linestyle="--", color="tab:orange")
    axes.set_title(f"best: {miou[best]:.2f} % at {thresholds[best]:.4g}")
    axes.set_xlabel("foreground threshold")
    axes.set_ylabel("mIoU (%)")
    content = io.BytesIO()
    figure.savefig(content, format=kind)
    return content.getvalue()
