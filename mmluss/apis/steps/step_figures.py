# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Key figures of a pipeline's steps, read from what they leave in their folders."""

from pathlib import Path

from mmluss.apis.steps.training_folder import last_record
from mmluss.datasets.label_folder import read_label_manifest
from mmluss.evaluation.scores import SCORES_FILE
from mmluss.utils.atomic_files import read_json


def main_scores(folder: Path) -> dict[str, float | str]:
    """The main scores of a test."""
    scores = read_json(folder / SCORES_FILE, ["scores"])["scores"]
    return {name: scores[name] for name in ("mIoU", "Acc", "FMeasure")}


def label_figures(folder: Path) -> dict[str, float | str]:
    """How well clusters agree with category folders, where there are some, and the foreground threshold."""
    manifest = read_label_manifest(folder, ("clustering", "threshold"))
    figures = {name: manifest["clustering"][name] for name in ("nmi", "accuracy") if name in manifest["clustering"]}
    return dict(figures, threshold=manifest["threshold"]["value"])


def last_values(folder: Path, *names: str) -> dict[str, float | str]:
    """Values that training logged last."""
    record = last_record(folder, *names)
    return {} if record is None else {name: record[name] for name in names}
