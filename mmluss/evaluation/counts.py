# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a data set adds up to: counts from which every score follows, whatever the matching turns out to be.

Predicted ids are renamed only at the end, so all counts are by predicted id. Ids of a one-to-one matching keep their
regions, so boundaries can be counted before it is known.
"""

import math
from collections import Counter

import numpy as np
import torch
from scipy.sparse import csr_array

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.evaluation.image_histogram import SIZES, ImageHistogram, check_ids, f_measure, image_histogram, size_bits
from mmluss.evaluation.matching import UNMATCHED

MAX_WAITING_ARRAYS = 1024


class SparseCounter:
    """Counts by place in an array that would be far too large to allocate; memory grows with the places that occur.

    A place takes 16 bytes, or 12 where the array has fewer than 2 ** 31 places.

    Args:
        shape: Sizes of the axes; their product must fit in 63 bits.
        buffer: Number of added entries that may wait before they are summed up.
    """

    def __init__(self, shape: tuple[int, ...], buffer: int = 1 << 16) -> None:
        self.shape = tuple(int(size) for size in shape)
        self.buffer = buffer
        places = math.prod(self.shape)
        self._key_dtype = np.int32 if places < 1 << 31 else np.int64
        self._sum = csr_array((1, places), dtype=np.int64)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._num_waiting = 0

    def add(self, indices: tuple[np.ndarray, ...], counts: np.ndarray) -> None:
        """Add counts at some places.

        Args:
            indices: One integer array ``(n,)`` for every axis.
            counts: ``(n,)`` integers, negative ones too; they must not change afterwards.
        """
        keys = np.zeros(len(counts), np.int64)
        for axis, size in zip(indices, self.shape, strict=True):
            keys = keys * size + axis
        self._waiting.append((keys, counts))
        self._num_waiting += len(keys)
        if self._num_waiting > self.buffer or len(self._waiting) > MAX_WAITING_ARRAYS:
            self._sum_up()

    def merge(self, other: "SparseCounter") -> None:
        """Add all counts of another counter.

        Raises:
            ValueError: If it is of another shape.
        """
        if self.shape != other.shape:
            raise ValueError(f"counts of shape {other.shape} cannot be added to counts of shape {self.shape}")
        other._sum_up()
        self._sum = self._sum + other._sum

    @property
    def nbytes(self) -> int:
        """Memory of the counts in bytes."""
        self._sum_up()
        return self._sum.data.nbytes + self._sum.indices.nbytes

    def entries(self) -> tuple[np.ndarray, ...]:
        """Places with a count other than zero, ascending, and the counts.

        Returns:
            Int64 arrays ``(n,)``: an index for every axis, then the counts.
        """
        self._sum_up()
        axes = []
        keys = self._sum.indices.astype(np.int64)
        for size in reversed(self.shape):
            keys, axis = np.divmod(keys, size)
            axes.append(axis)
        return (*reversed(axes), self._sum.data)

    def _sum_up(self) -> None:
        if self._waiting:
            keys, counts = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
            self._waiting, self._num_waiting = [], 0
            keys = keys.astype(self._key_dtype)
            added = csr_array((counts.astype(np.int64), (np.zeros_like(keys), keys)), shape=self._sum.shape)
            self._sum = self._sum + added
            self._sum.eliminate_zeros()

    def __getstate__(self) -> dict:
        self._sum_up()
        return self.__dict__


class LabelCounts:
    """Counts over pairs of label maps.

    Args:
        num_categories: Number of true categories N, 0 aside; below 1000.
        num_clusters: Largest predicted id K; N by default.
        boundaries: Whether to count boundary pixels too.
        count_ignored_area: Whether a prediction on ignored pixels makes an id present in an image, for the matching
            by images. It changes nothing else.

    Attributes:
        pixels: Number of pixels by predicted id (K + 1), true id (N + 1) and size groups (16, bits into ``SIZES``).
        boundary_pixels: The same for boundary maps; here index 0 of the first two axes is "no boundary".
        cooccurrence: Number of images by predicted id and true id that occur in it.
        votes: Number of images by predicted id that most pixels have (0 aside) and true id that occurs.
        ties: Number of images by several such predicted ids and all true ids, ``(predicted ids, true ids)``.
        f_measure: Sum of the F-measures of all images, 0..1 each.
        images: Number of images.
        images_with: ``(N + 1,)`` number of images by true id that occurs.
        ignored_pixels: Number of ignored pixels.

    Raises:
        ValueError: If there is no category, or as many as the id of ignored pixels.
    """

    def __init__(
        self,
        num_categories: int,
        num_clusters: int | None = None,
        boundaries: bool = True,
        count_ignored_area: bool = False,
    ) -> None:
        if not 0 < num_categories < IGNORE_INDEX:
            raise ValueError(f"{num_categories} categories; expected 1..{IGNORE_INDEX - 1}")
        self.num_categories = num_categories
        self.num_clusters = num_categories if num_clusters is None else num_clusters
        self.boundaries = boundaries
        self.count_ignored_area = count_ignored_area
        groups = 1 << len(SIZES)
        self.pixels = SparseCounter((self.num_clusters + 1, num_categories + 1, groups))
        self.boundary_pixels = SparseCounter((self.num_clusters + 2, num_categories + 2, groups))
        self.cooccurrence = SparseCounter((self.num_clusters + 1, num_categories + 1))
        self.votes = SparseCounter((self.num_clusters + 1, num_categories + 1))
        self.ties: Counter = Counter()
        self.f_measure = 0.0
        self.images = 0
        self.images_with = np.zeros(num_categories + 1, np.int64)
        self.ignored_pixels = 0

    def update(
        self, predicted: np.ndarray | torch.Tensor, true: np.ndarray | torch.Tensor, name: str = "image"
    ) -> None:
        """Count one image.

        Args:
            predicted: ``(H, W)`` integers in ``0..num_clusters``; a tensor is counted on its device.
            true: ``(H, W)`` integers in ``0..num_categories``, or 1000 = ignored; of the same kind as ``predicted``.
            name: What to call the image in a message.

        Raises:
            ValueError: If sizes differ or an id is out of range; nothing is counted then.
        """
        histogram = image_histogram(predicted, true, self.boundaries, name)
        check_ids(histogram.predicted, histogram.true, self.num_clusters, self.num_categories, name)
        self.add(histogram)

    def add(self, histogram: ImageHistogram) -> None:
        """Count one image by its joint histogram, the ids of which must be in range."""
        counted = histogram.true != IGNORE_INDEX
        true = histogram.true[counted]
        pixels = histogram.pixels[:, counted]
        area = pixels.sum((2, 3))
        bits = size_bits(area.sum(0), true, area.sum())

        rows, columns = np.nonzero(area)
        self.pixels.add((histogram.predicted[rows], true[columns], bits[columns]), area[rows, columns])
        if self.boundaries:
            self._add_boundaries(histogram.predicted, true, bits, pixels)

        present = (histogram.pixels.sum((1, 2, 3)) if self.count_ignored_area else area.sum(1)) > 0
        self._add_pairs(self.cooccurrence, histogram.predicted[present], true)
        self._vote(histogram.predicted, area.sum(1), true)
        foreground = histogram.predicted > 0
        self.f_measure += float(
            f_measure(area[foreground][:, true > 0].sum(), area[foreground].sum(), area[:, true > 0].sum())
        )
        self.images += 1
        self.images_with[true] += 1
        self.ignored_pixels += int(histogram.pixels[:, ~counted].sum())

    def merge(self, other: "LabelCounts") -> None:
        """Add the counts of other images.

        Raises:
            ValueError: If the two count differently.
        """
        if self._settings() != other._settings():
            raise ValueError(f"counts with settings {other._settings()} cannot be added to {self._settings()}")
        for name in ("pixels", "boundary_pixels", "cooccurrence", "votes"):
            getattr(self, name).merge(getattr(other, name))
        self.ties.update(other.ties)
        self.f_measure += other.f_measure
        self.images += other.images
        self.images_with += other.images_with
        self.ignored_pixels += other.ignored_pixels

    def shared_images(self) -> np.ndarray:
        """Number of images that a predicted id and a category share, int64 ``(K, N)``."""
        predicted, true, count = self.cooccurrence.entries()
        return self._dense(predicted, true, count)

    def shared_pixels(self) -> np.ndarray:
        """Number of pixels that a predicted id and a category share, int64 ``(K, N)``."""
        predicted, true, _, count = self.pixels.entries()
        return self._dense(predicted, true, count)

    def boundary_entries(self, match: np.ndarray) -> tuple[np.ndarray, ...]:
        """Boundary pixels after matching.

        Args:
            match: ``(K + 1,)`` one-to-one, the category of each predicted id or -1.

        Returns:
            Four int64 arrays ``(n,)``: class whose predicted boundary a group of pixels lies on and class whose true
            boundary it lies on (-1 = none), size groups (bits into ``SIZES``), number of pixels.

        Raises:
            ValueError: If ``match`` gives one category to several predicted ids that occur.
        """
        self._check_one_to_one(match)
        predicted, true, groups, count = self.boundary_pixels.entries()
        return np.where(predicted > 0, match[predicted - 1], -1), true - 1, groups, count

    def hits(self, match: np.ndarray) -> int:
        """Number of images in which the category of most predicted foreground pixels occurs.

        Of several predicted ids with equally many pixels, the smallest category counts.

        Args:
            match: ``(K + 1,)`` one-to-one, the category of each predicted id or -1.

        Raises:
            ValueError: If ``match`` gives one category to several predicted ids that occur.
        """
        self._check_one_to_one(match)
        predicted, true, count = self.votes.entries()
        hits = int(count[match[predicted] == true].sum())
        for (several, present), times in self.ties.items():
            categories = [match[i] for i in several if match[i] != UNMATCHED]
            hits += times * (min(categories, default=UNMATCHED) in present)
        return hits

    def _check_one_to_one(self, match: np.ndarray) -> None:
        categories = match[np.unique(self.pixels.entries()[0])]
        categories = categories[categories != UNMATCHED]
        if len(np.unique(categories)) < len(categories):
            raise ValueError("the matching gives one category to several predicted ids: count with MergedCounts")

    def _settings(self) -> tuple:
        return self.num_categories, self.num_clusters, self.boundaries, self.count_ignored_area

    def _dense(self, predicted: np.ndarray, true: np.ndarray, count: np.ndarray) -> np.ndarray:
        dense = np.zeros((self.num_clusters + 1, self.num_categories + 1), np.int64)
        np.add.at(dense, (predicted, true), count)
        return dense[1:, 1:]

    def _add_boundaries(self, predicted: np.ndarray, true: np.ndarray, bits: np.ndarray, pixels: np.ndarray) -> None:
        rows, columns, on_true, on_predicted = np.nonzero(pixels)
        some = (on_true + on_predicted) > 0
        rows, columns, on_true, on_predicted = rows[some], columns[some], on_true[some], on_predicted[some]
        self.boundary_pixels.add(
            ((predicted[rows] + 1) * on_predicted, (true[columns] + 1) * on_true, bits[columns]),
            pixels[rows, columns, on_true, on_predicted],
        )

    @staticmethod
    def _add_pairs(counter: SparseCounter, predicted: np.ndarray, true: np.ndarray) -> None:
        predicted, true = predicted[predicted > 0], true[true > 0]
        pairs = np.repeat(predicted, len(true)), np.tile(true, len(predicted))
        counter.add(pairs, np.ones(len(pairs[0]), np.int64))

    def _vote(self, predicted: np.ndarray, area: np.ndarray, true: np.ndarray) -> None:
        area = area * (predicted > 0)
        most = area.max(initial=0)
        if most == 0:
            return
        winners = predicted[area == most]
        if len(winners) == 1:
            self._add_pairs(self.votes, winners, true)
        else:
            self.ties[tuple(winners.tolist()), tuple(true[true > 0].tolist())] += 1
