# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Every foreground threshold of a prediction, from one pass over the data set."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.evaluation.counts import LabelCounts, SparseCounter
from mmluss.evaluation.image_histogram import SIZES, check_ids, f_measure, size_bits
from mmluss.evaluation.matching import assign_majority, assign_one_to_one
from mmluss.evaluation.scores import MATCHINGS, Matching, find_matching
from mmluss.evaluation.thresholds.threshold_curve import curve_ious, curve_matchings
from mmluss.evaluation.thresholds.threshold_histogram import ThresholdHistogram, threshold_histogram
from mmluss.utils.renamed_arguments import renamed_arguments


class ThresholdSweep:
    """The mIoU and matching at every foreground threshold; optionally all that the other scores need, too.

    A pixel keeps its predicted id at a threshold t if its score is at least t (in single precision) and becomes 0
    otherwise. Memory grows with the number of distinct combinations of predicted id, true id and score bin that occur,
    not with the number of images, nor with all combinations there could be.

    Args:
        num_categories: Number of true categories N, 0 aside; below 1000.
        thresholds: ``(T,)`` strictly ascending in single precision; 0.00, 0.01 .. 0.80 by default.
        num_clusters: Largest predicted id K; N by default.
        all_scores: Whether ``at`` is wanted: boundaries, votes and F-measure are then counted at every threshold.
        boundaries: Whether boundaries are among all scores.
        count_ignored_area: Whether a prediction on ignored pixels makes an id present in an image.

    Raises:
        ValueError: If the thresholds are empty or not strictly ascending.

    Example:
        >>> sweep = ThresholdSweep(num_categories=1, thresholds=[0.2, 0.6])
        >>> predicted, true = np.array([[1, 1, 1]]), np.array([[0, 0, 1]])
        >>> sweep.update(predicted, true, score=np.array([[0.1, 0.3, 0.9]], np.float32))
        >>> sweep.compute()["best_threshold"]
        0.6
    """

    @renamed_arguments({"num_predicted": "num_clusters"}, "ThresholdSweep")
    def __init__(
        self,
        num_categories: int,
        thresholds: Sequence[float] | np.ndarray | None = None,
        num_clusters: int | None = None,
        all_scores: bool = False,
        boundaries: bool = True,
        count_ignored_area: bool = False,
    ) -> None:
        self.thresholds = ascending_thresholds(np.arange(81) / 100 if thresholds is None else thresholds)
        self._limits = self.thresholds.astype(np.float32)
        self._plain = LabelCounts(num_categories, num_clusters, all_scores and boundaries, count_ignored_area)
        self.num_categories, self.num_clusters = num_categories, self._plain.num_clusters
        self.all_scores = all_scores
        num, groups = len(self.thresholds), 1 << len(SIZES)
        pairs = (self.num_clusters + 1, num_categories + 1)
        self.pixels = SparseCounter((groups, *pairs, num + 1))
        self.cooccurrence = SparseCounter((*pairs, num + 1))
        self.boundary_pixels = SparseCounter((self.num_clusters + 1, num_categories + 2, groups, num))
        self.true_boundary = np.zeros((num_categories + 1, groups), np.int64)
        self.votes = SparseCounter((*pairs, num))
        self.ties: Counter = Counter()
        self.f_measure = np.zeros(num)

    @property
    def images(self) -> int:
        """Number of images counted."""
        return self._plain.images

    @renamed_arguments({"category": "predicted"}, "ThresholdSweep.update")
    def update(
        self,
        predicted: np.ndarray | torch.Tensor,
        ground_truth: np.ndarray | torch.Tensor,
        score: np.ndarray | torch.Tensor,
        name: str = "image",
    ) -> None:
        """Count one image.

        Args:
            predicted: ``(H, W)`` integers in ``0..num_clusters``, before thresholding; a tensor is counted on its
                device.
            ground_truth: ``(H, W)`` integers in ``0..num_categories``, or 1000 = ignored; of the same kind.
            score: ``(H, W)`` float foreground score, of the same kind.
            name: What to call the image in a message.

        Raises:
            ValueError: If sizes differ, an id is out of range or a score is not a number; nothing is counted then.
        """
        histogram = threshold_histogram(predicted, ground_truth, score, self._limits, self._plain.boundaries, name)
        check_ids(histogram.predicted, histogram.true, self.num_clusters, self.num_categories, name)
        self.add(histogram)

    def add(self, histogram: ThresholdHistogram) -> None:
        """Count one image by its joint histogram, the ids of which must be in range."""
        counted = histogram.true != IGNORE_INDEX
        true, predicted = histogram.true[counted], histogram.predicted
        area = histogram.pixels[:, counted]
        true_area = area.sum((0, 2))
        bits = size_bits(true_area, true, true_area.sum())

        rows, columns, passed = np.nonzero(area)
        self.pixels.add((bits[columns], predicted[rows], true[columns], passed), area[rows, columns, passed])
        where_present = histogram.pixels if self._plain.count_ignored_area else area
        passed_last = (where_present.any(1) * np.arange(len(self.thresholds) + 1)).max(1)
        rows, columns = np.nonzero((predicted > 0)[:, None] & (passed_last > 0)[:, None] & (true > 0)[None])
        self.cooccurrence.add((predicted[rows], true[columns], passed_last[rows]), np.ones(len(rows), np.int64))

        self._plain.images += 1
        self._plain.images_with[true] += 1
        self._plain.ignored_pixels += int(histogram.pixels[:, ~counted].sum())
        if self.all_scores:
            # above[p, g, t]: pixels that still have predicted id p at threshold t
            above = area[..., :0:-1].cumsum(2)[..., ::-1]
            foreground = above[predicted > 0]
            self.f_measure += f_measure(
                foreground[:, true > 0].sum((0, 1)), foreground.sum((0, 1)), true_area[true > 0].sum()
            )
            self._vote(predicted[predicted > 0], foreground.sum(1), true[true > 0])
        if self._plain.boundaries:
            self._add_boundaries(histogram, counted, bits)

    def merge(self, other: "ThresholdSweep") -> None:
        """Add the counts of other images.

        Raises:
            ValueError: If the two count differently.
        """
        if not np.array_equal(self.thresholds, other.thresholds) or self.all_scores != other.all_scores:
            raise ValueError("sweeps over different thresholds or scores cannot be added")
        self._plain.merge(other._plain)
        for name in ("pixels", "cooccurrence", "boundary_pixels", "votes"):
            getattr(self, name).merge(getattr(other, name))
        self.true_boundary += other.true_boundary
        self.ties.update(other.ties)
        self.f_measure += other.f_measure

    def compute(self, matching: Matching = "image") -> dict:
        """The mIoU and matching at every threshold.

        Args:
            matching: As for ``mmluss.evaluation.scores.find_matching``, for each threshold anew.

        Returns:
            Dict with ``thresholds`` ``(T,)`` float64, ``miou`` ``(T,)`` float64 in percent, ``matches`` ``(T, K + 1)``
            int64 (category of each predicted id, -1 for none), ``best_index``, ``best_threshold`` and ``best_miou``:
            the first maximum.

        Raises:
            ValueError: If nothing was counted or ``matching`` is unknown.
        """
        if self.images == 0:
            raise ValueError("no image has been counted: there is nothing to score")
        match = self._matchings(matching)
        _, predicted, true, passed, count = self.pixels.entries()
        miou = 100 * curve_ious(predicted, true, passed, count, match, self.num_categories).mean(1)
        best = int(miou.argmax())
        return {
            "thresholds": self.thresholds.copy(),
            "miou": miou,
            "matches": match,
            "best_index": best,
            "best_threshold": float(self.thresholds[best]),
            "best_miou": float(miou[best]),
        }

    def at(self, index: int) -> LabelCounts:
        """The counts of the prediction cut at one threshold, as if every image had been counted anew.

        Args:
            index: Which threshold.

        Raises:
            ValueError: If the sweep was not made with ``all_scores``.
        """
        if not self.all_scores:
            raise ValueError("this sweep counts mIoU only; make it with all_scores=True")
        plain = self._plain
        counts = LabelCounts(self.num_categories, self.num_clusters, plain.boundaries, plain.count_ignored_area)
        counts.images, counts.ignored_pixels = plain.images, plain.ignored_pixels
        counts.images_with = plain.images_with.copy()
        counts.f_measure = float(self.f_measure[index])
        counts.ties.update({key[1:]: times for key, times in self.ties.items() if key[0] == index})
        groups, predicted, true, passed, count = self.pixels.entries()
        counts.pixels.add((np.where(passed > index, predicted, 0), true, groups), count)
        predicted, true, passed, count = self.cooccurrence.entries()
        counts.cooccurrence.add((predicted[passed > index], true[passed > index]), count[passed > index])
        predicted, true, since, count = self.votes.entries()
        counts.votes.add((predicted[since <= index], true[since <= index]), count[since <= index])
        if plain.boundaries:
            *axes, since, count = self.boundary_pixels.entries()
            predicted, line, groups, count = (axis[since <= index] for axis in (*axes, count))
            counts.boundary_pixels.add((predicted + 1, line, groups), count)
            # True boundary pixels that are on no predicted boundary: all of them, less those that are on one.
            line, groups, count = line[line > 0], groups[line > 0], count[line > 0]
            counts.boundary_pixels.add((np.zeros_like(line), line, groups), -count)
            line, groups = np.nonzero(self.true_boundary)
            counts.boundary_pixels.add((np.zeros_like(line), line + 1, groups), self.true_boundary[line, groups])
        return counts

    def _matchings(self, matching: Matching) -> np.ndarray:
        if matching == "identity":
            return np.tile(find_matching(self._plain, matching), (len(self.thresholds), 1))
        if matching not in MATCHINGS:
            raise ValueError(f"matching {matching!r}; expected one of {', '.join(map(repr, MATCHINGS))}")
        shared = self.cooccurrence.entries() if matching == "image" else self.pixels.entries()[1:]
        predicted, true, passed, count = shared
        assign = assign_majority if matching == "majority" else assign_one_to_one
        shape = self.num_clusters, self.num_categories, len(self.thresholds)
        return curve_matchings(predicted, true, passed, count, shape, assign)

    def _vote(self, predicted: np.ndarray, area: np.ndarray, true: np.ndarray) -> None:
        most = area.max(0, initial=0)
        winners = area == most
        state = np.where((most > 0) & (winners.sum(0) == 1), winners.argmax(0) if len(predicted) else -1, -1)
        steps = np.flatnonzero(np.diff(state, prepend=-1))
        for step in steps:
            for which, sign in ((state[step - 1] if step else -1, -1), (state[step], 1)):
                if which >= 0:
                    full = np.full(len(true), 1)
                    self.votes.add((predicted[which] * full, true, step * full), sign * full)
        for index in np.flatnonzero((most > 0) & (winners.sum(0) > 1)):
            self.ties[int(index), tuple(predicted[winners[:, index]].tolist()), tuple(true.tolist())] += 1

    def _add_boundaries(self, histogram: ThresholdHistogram, counted: np.ndarray, bits: np.ndarray) -> None:
        assert histogram.own is not None and histogram.smallest is not None and histogram.largest is not None
        true = histogram.true[counted]
        np.add.at(self.true_boundary, (true, bits), histogram.own[:, counted, 1].sum((0, 2)))
        # What a pixel's neighborhood leaves behind at a threshold enters, what it has left leaves the boundary there.
        own = (histogram.smallest - histogram.own)[:, counted, :, :-1]
        other = (histogram.own - histogram.largest)[:, counted, :, :-1].sum(0, keepdims=True)
        for ids, change in ((histogram.predicted, own), (np.zeros(1, np.int64), other)):
            rows, columns, on_true, since = np.nonzero(change)
            self.boundary_pixels.add(
                (ids[rows], (true[columns] + 1) * on_true, bits[columns], since),
                change[rows, columns, on_true, since],
            )


def ascending_thresholds(thresholds: Sequence[float] | np.ndarray) -> np.ndarray:
    """Thresholds as ``(T,)`` float64.

    Raises:
        ValueError: If there are none, or they do not ascend strictly in single precision.
    """
    found = np.asarray(thresholds, np.float64)
    if found.ndim != 1 or len(found) == 0 or not (np.diff(found.astype(np.float32)) > 0).all():
        raise ValueError("thresholds must be a list of strictly ascending numbers, different in single precision")
    return found
