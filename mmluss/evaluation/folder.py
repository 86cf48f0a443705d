# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Scoring a folder of RGB-coded prediction PNGs, from any method, against a folder of label PNGs."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.progress import track

from mmluss.datasets.label_codec import read_label_map
from mmluss.datasets.score_codec import read_score_map
from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.evaluation import Evaluation, merge_counts
from mmluss.evaluation.thresholds import ThresholdSweep
from mmluss.utils.process_map import process_map
from mmluss.utils.safe_paths import leads_out

IMAGES_A_TASK = 32
NAMES_SHOWN = 20


class PredictionError(ValueError):
    """Predictions that cannot be scored; the message names the files."""


def read_name_list(path: str | os.PathLike) -> list[str]:
    """Names ``CATEGORY/NAME``, without suffix, from a list of files such as the ImageNet-S toolbox has.

    Args:
        path: Text file, one image a line; of several names in a line the last one counts.

    Raises:
        ValueError: If a name occurs twice or leads out of its folder, there is none, or the file is no text.
    """
    try:
        lines = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text in UTF-8") from error
    names = [os.path.splitext(words[-1])[0] for words in lines if words]
    if not names:
        raise ValueError(f"{path}: no names in this list")
    outside = [name for name in names if leads_out(name)]
    if outside:
        raise ValueError(f"{path}: names that lead out of their folder: {listing(outside)}")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{path}: names that occur twice: {listing(twice)}")
    return names


def label_names(folder: str | os.PathLike) -> list[str]:
    """Names ``CATEGORY/NAME`` or ``NAME``, without suffix and sorted, of all PNGs below a folder.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.png") if path.name[0] != ".")
    return sorted(path.as_posix() for path in found)


def names_to_score(
    predictions: str | os.PathLike,
    truths: str | os.PathLike,
    names: Sequence[str] | None = None,
    allow_missing: bool = False,
) -> list[str]:
    """The images to score: those of the list, or of the ground truth.

    Args:
        predictions: Folder of predictions.
        truths: Folder of label maps.
        names: Names ``CATEGORY/NAME`` of the images to score; None for all with a label map.
        allow_missing: Whether to leave out images without prediction.

    Raises:
        PredictionError: Naming what is wrong: images without label map, predictions that are missing (unless allowed),
            predictions of images that are not in the ground truth.
        FileNotFoundError: If a folder is missing.
    """
    predicted, true = label_names(predictions), label_names(truths)
    wanted = true if names is None else list(names)
    missing = set(wanted) - set(predicted)
    complaints = [
        (f"no label map in {truths} for", sorted(set(wanted) - set(true))),
        (f"no prediction in {predictions} for", [] if allow_missing else sorted(missing)),
        (f"predictions in {predictions} of images that are not in {truths}:", sorted(set(predicted) - set(true))),
    ]
    texts = [f"{text} {listing(found)}" for text, found in complaints if found]
    if texts:
        raise PredictionError("\n".join(texts))
    left = [name for name in wanted if name not in missing]
    if not left:
        raise PredictionError(f"no image to score in {truths}")
    return left


def count_folder(
    predictions: str | os.PathLike,
    truths: str | os.PathLike,
    names: Sequence[str],
    evaluation: Evaluation,
    processes: int = 1,
    scores: str | os.PathLike | None = None,
) -> LabelCounts | ThresholdSweep:
    """Count all images of a folder.

    Args:
        predictions: Folder of predictions ``NAME.png``.
        truths: Folder of label maps ``NAME.png``.
        names: Names of the images.
        evaluation: How to count.
        processes: Number of processes.
        scores: Folder of foreground scores ``NAME.png``, gray, for an evaluation with thresholds; None without.

    Raises:
        PredictionError: Naming every file that is unreadable, not RGB, of the wrong size or with ids out of range.
    """
    tasks = [names[i : i + IMAGES_A_TASK] for i in range(0, len(names), IMAGES_A_TASK)]
    folders = Path(predictions), Path(truths), None if scores is None else Path(scores)
    count = partial(_count_images, *folders, evaluation)
    total, problems = evaluation.new_counts(), []
    for counts, found in track(process_map(count, tasks, processes), "Scoring", total=len(tasks)):
        merge_counts(total, counts)
        problems.extend(found)
    if problems:
        raise PredictionError(f"{len(problems)} of {len(names)} images cannot be scored: {listing(problems)}")
    return total


def _count_images(
    predictions: Path, truths: Path, scores: Path | None, evaluation: Evaluation, names: Sequence[str]
) -> tuple[LabelCounts | ThresholdSweep, list[str]]:
    counts, problems = evaluation.new_counts(), []
    for name in names:
        file = predictions / f"{name}.png"
        try:
            score = None if scores is None else read_score_map(scores / f"{name}.png")
            predicted, true = read_label_map(file), read_label_map(truths / f"{name}.png")
            evaluation.update(counts, predicted, true, score, str(file))
        except ValueError as error:
            problems.append(str(error))
    return counts, problems


def listing(names: Sequence[str]) -> str:
    """Names in lines of their own, the first ones of many, with their number."""
    more = [f"... and {len(names) - NAMES_SHOWN} more"] if len(names) > NAMES_SHOWN else []
    return f"({len(names)})" + "".join(f"\n  {name}" for name in [*names[:NAMES_SHOWN], *more])
