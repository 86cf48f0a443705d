# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One evaluation from counting to files, the same for a model's predictions and for a folder of label maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log

from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.matching import read_match, relabeling, write_match
from mmluss.evaluation.merged_counts import MergedCounts
from mmluss.evaluation.scores import (
    MATCHINGS,
    Matching,
    class_table,
    compute_scores,
    find_matching,
    score_report,
    score_table,
)
from mmluss.evaluation.thresholds import ThresholdSweep, ascending_thresholds
from mmluss.utils.atomic_files import write_json

Map = np.ndarray | torch.Tensor


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found.

    Attributes:
        scores: Scores in percent by name; after a sweep also the chosen ``threshold``.
        classes: By class, each ``(N + 1,)``, as ``compute_scores`` returns it.
        match: ``(K + 1,)`` category of each predicted id, -1 for none.
        counts: What was counted, at the chosen threshold.
        sweep: What ``ThresholdSweep.compute`` returned, if there was one.
    """

    scores: dict[str, float]
    classes: dict[str, np.ndarray]
    match: np.ndarray
    counts: LabelCounts
    sweep: dict[str, Any] | None = None

    def log(self, names: Sequence[str]) -> None:
        """Print the tables of classes and scores.

        Args:
            names: ``(N + 1,)`` class names.
        """
        print_log(f"scores by class (%)\n{class_table(names, self.classes, self.match)}", logger="current")
        print_log(f"scores (%)\n{score_table(self.scores)}", logger="current")

    def write(
        self,
        names: Sequence[str],
        settings: Mapping[str, Any],
        match_file: str | Path | None,
        scores_file: str | Path | None,
    ) -> None:
        """Write the files that are asked for.

        Args:
            names: ``(N + 1,)`` class names.
            settings: What the evaluation was made with, for the scores file.
            match_file: Where the matching goes, or None.
            scores_file: Where all figures go, or None.
        """
        if match_file is not None:
            write_match(match_file, self.match)
            print_log(f"the matching is in {match_file}", logger="current")
        if scores_file is not None:
            report = score_report(self.counts, self.scores, self.classes, names, self.match, self.sweep)
            write_json(scores_file, dict(settings=dict(settings), **report))
            print_log(f"all figures are in {scores_file}", logger="current")


class Evaluation:
    """How label maps are counted and scored.

    Args:
        num_categories: Number of true categories N, 0 aside; below 1000.
        matching: Which category a predicted id stands for, see ``find_matching``; or the path of a ``match.json``.
        num_clusters: Largest predicted id K; N by default, or as many as a ``match.json`` names.
        boundaries: Whether to score boundaries.
        count_ignored_area: Whether a prediction on ignored pixels makes an id present in an image for the matching.
        thresholds: Foreground thresholds to choose from, strictly ascending, or None.

    Raises:
        ValueError: If an option is unknown or does not go with another.

    Example:
        >>> evaluation = Evaluation(num_categories=2, matching="pixel")
        >>> counts = evaluation.new_counts()
        >>> evaluation.update(counts, np.array([[2, 2], [0, 1]]), np.array([[1, 1], [0, 2]]))
        >>> result = evaluation.result(counts)
        >>> result.match.tolist(), round(result.scores["mIoU"], 1)
        ([0, 2, 1], 100.0)
    """

    def __init__(
        self,
        num_categories: int,
        matching: Matching = "image",
        num_clusters: int | None = None,
        boundaries: bool = True,
        count_ignored_area: bool = False,
        thresholds: Sequence[float] | np.ndarray | None = None,
    ) -> None:
        check_options(matching, num_clusters, thresholds)
        self.num_categories = num_categories
        self.matching = matching
        self.num_clusters = num_categories if num_clusters is None else num_clusters
        self.boundaries = boundaries
        self.count_ignored_area = count_ignored_area
        self.thresholds = thresholds
        self.given_match: np.ndarray | None = None
        self._relabeling: np.ndarray | None = None
        if matching not in MATCHINGS:
            # Ids are renamed before counting, so that categories made of several predicted ids are one region each.
            self.given_match = read_match(matching, num_categories)
            self.num_clusters = max(self.num_clusters, len(self.given_match) - 1)
            self._relabeling = relabeling(self.given_match, self.num_clusters, num_categories)

    def new_counts(self) -> LabelCounts | ThresholdSweep:
        """Counts of no image."""
        settings: dict[str, Any] = dict(
            num_categories=self.num_categories,
            num_clusters=self.num_clusters + (0 if self.given_match is None else self.num_categories),
            boundaries=self.boundaries,
            count_ignored_area=self.count_ignored_area,
        )
        if self.matching == "majority":
            return MergedCounts(**settings)
        if self.thresholds is None:
            return LabelCounts(**settings)
        return ThresholdSweep(thresholds=self.thresholds, all_scores=True, **settings)

    def update(
        self,
        counts: LabelCounts | ThresholdSweep,
        predicted: Map,
        true: Map,
        score: Map | None = None,
        name: str = "image",
    ) -> None:
        """Count one image.

        Args:
            counts: What ``new_counts`` gave.
            predicted: ``(H, W)`` integers in 0..K; a tensor is counted on its device.
            true: ``(H, W)`` integers in 0..N, or 1000 = ignored; of the same kind as ``predicted``.
            score: ``(H, W)`` float foreground score, with thresholds only.
            name: What to call the image in a message.

        Raises:
            ValueError: If sizes differ or an id is out of range; nothing is counted then.
        """
        if self._relabeling is not None:
            predicted = _relabel(predicted, self._relabeling, name)
        if isinstance(counts, LabelCounts):
            counts.update(predicted, true, name)
        elif score is None:
            raise ValueError(f"{name}: thresholds need the foreground score of each pixel")
        else:
            counts.update(predicted, true, score, name)

    def result(self, counts: LabelCounts | ThresholdSweep) -> EvaluationResult:
        """Match and score what was counted.

        Raises:
            ValueError: If nothing was counted.
        """
        matching = "identity" if self.given_match is not None else self.matching
        chosen, sweep = {}, None
        if isinstance(counts, ThresholdSweep):
            sweep = counts.compute(matching)
            chosen = dict(threshold=sweep["best_threshold"])
            match, counts = sweep["matches"][sweep["best_index"]], counts.at(sweep["best_index"])
        else:
            match = find_matching(counts, matching)
        scores, classes = compute_scores(counts, match)
        shown = match if self.given_match is None else self.given_match
        return EvaluationResult(scores | chosen, classes, shown, counts, sweep)


def merge_counts(total: LabelCounts | ThresholdSweep, other: LabelCounts | ThresholdSweep) -> None:
    """Add the counts of other images to a total.

    Raises:
        ValueError: If the two count differently.
    """
    # Each merges with its own class only; a union of both cannot say so.
    one_kind: Any = total
    if isinstance(total, ThresholdSweep) != isinstance(other, ThresholdSweep):
        raise ValueError("counts at one threshold and at many cannot be added")
    one_kind.merge(other)


def check_options(
    matching: Matching, num_clusters: int | None = None, thresholds: Sequence[float] | np.ndarray | None = None
) -> None:
    """Refuse options of an evaluation that are unknown, out of range, or do not go with another.

    Args:
        matching: One of ``MATCHINGS``, or the path of a ``match.json``.
        num_clusters: Largest predicted id, or None.
        thresholds: Foreground thresholds to choose from, or None.

    Raises:
        ValueError: Saying what is expected.
    """
    if num_clusters is not None and num_clusters < 1:
        raise ValueError(f"num_clusters is 1 or more, not {num_clusters}")
    if thresholds is not None:
        ascending_thresholds(thresholds)
    if matching not in MATCHINGS and not str(matching).endswith(".json"):
        known = ", ".join(map(repr, MATCHINGS))
        raise ValueError(f"matching={matching!r}; expected {known} or the path of a match.json")
    if matching == "majority" and thresholds is not None:
        raise ValueError(
            "matching='majority' needs predictions of one threshold: choose it with "
            "ThresholdSweep.compute('majority') or matching='image' first, then leave out thresholds"
        )


def _relabel(predicted: Map, table: np.ndarray, name: str) -> Map:
    low, high = (int(predicted.min()), int(predicted.max())) if len(predicted) else (0, 0)
    if low < 0 or high >= len(table):
        largest = len(table) - 1
        raise ValueError(
            f"{name}: prediction holds id {low if low < 0 else high}; expected 0..{largest} (num_clusters)"
        )
    if isinstance(predicted, torch.Tensor):
        return torch.from_numpy(table).to(predicted.device)[predicted.long()]
    return table[predicted]
