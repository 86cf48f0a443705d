# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Counts for matchings that give one category to several predicted ids.

Where ids of one category touch, the boundary between them vanishes, and they vote together. Both are known only after
the matching, so what merging can change is kept: the sets of ids around boundary pixels, and the areas of each image.
"""

import cv2
import numpy as np
import torch

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.evaluation.counts import LabelCounts, SparseCounter
from mmluss.evaluation.image_histogram import (
    SIZES,
    ImageHistogram,
    boundary_mask,
    boundary_width,
    frame_mask,
    size_bits,
)
from mmluss.evaluation.matching import relabeling

INSIDE, OUTSIDE = 0, 1


class MergedCounts(LabelCounts):
    """``LabelCounts`` that stay exact under a many-to-one matching.

    Memory grows with the number of images, by 16 bytes for each id that occurs in one, and with the number of distinct
    sets of predicted ids that meet within a boundary's width. Tensors are counted in host memory. The arguments are
    those of ``LabelCounts``.

    Attributes:
        neighbors: Number of pixels by the set of predicted ids around it (an index into ``sets``, or ``INSIDE`` for
            one id only, or ``OUTSIDE`` for the frame of the image), own predicted id, true boundary id + 1, size
            groups.
        sets: Sets of predicted ids, ascending tuples, and their indices.
        areas: Number of pixels by image and predicted id, 0 aside.
        present: 1 by image and true id that occurs, 0 aside.
    """

    def __init__(
        self,
        num_categories: int,
        num_clusters: int | None = None,
        boundaries: bool = True,
        count_ignored_area: bool = False,
    ) -> None:
        super().__init__(num_categories, num_clusters, boundaries, count_ignored_area)
        many = 1 << 24
        self.neighbors = SparseCounter((many, self.num_clusters + 1, num_categories + 2, 1 << len(SIZES)))
        self.sets: dict[tuple[int, ...], int] = {(): INSIDE, (-1,): OUTSIDE}
        self.areas = SparseCounter((many, self.num_clusters + 1))
        self.present = SparseCounter((many, num_categories + 1))

    def update(
        self, predicted: np.ndarray | torch.Tensor, true: np.ndarray | torch.Tensor, name: str = "image"
    ) -> None:
        """Count one image; as in ``LabelCounts``."""
        predicted, true = (x.cpu().numpy() if isinstance(x, torch.Tensor) else x for x in (predicted, true))
        super().update(predicted, true, name)
        if self.boundaries:
            self._add_neighbors(predicted, true)

    def add(self, histogram: ImageHistogram) -> None:
        """Count one image by its joint histogram, all but its boundaries."""
        super().add(histogram)
        counted = histogram.true != IGNORE_INDEX
        area = histogram.pixels[:, counted].sum((1, 2, 3))
        image = self.images - 1
        which = (histogram.predicted > 0) & (area > 0)
        self.areas.add((np.full(which.sum(), image), histogram.predicted[which]), area[which])
        true = histogram.true[counted & (histogram.true > 0)]
        self.present.add((np.full(len(true), image), true), np.ones(len(true), np.int64))

    def merge(self, other: LabelCounts) -> None:
        """Add the counts of other images; as in ``LabelCounts``.

        Raises:
            ValueError: If the two count differently, or the other ones are not ``MergedCounts``.
        """
        if not isinstance(other, MergedCounts):
            raise ValueError("counts of another class cannot be added to MergedCounts")
        images = self.images
        super().merge(other)
        for mine, theirs in ((self.areas, other.areas), (self.present, other.present)):
            image, ids, count = theirs.entries()
            mine.add((image + images, ids), count)
        renumbered = np.array([self._set_index(ids) for ids in other.sets])
        which, *axes, count = other.neighbors.entries()
        self.neighbors.add((renumbered[which], *axes), count)

    def boundary_entries(self, match: np.ndarray) -> tuple[np.ndarray, ...]:
        """Boundary pixels after matching; as in ``LabelCounts``, for any matching."""
        region = relabeling(match, self.num_clusters, self.num_categories)
        several = np.array([len(set(region[list(ids)])) > 1 for ids in self.sets])
        several[[INSIDE, OUTSIDE]] = False, True
        which, own, line, groups, count = self.neighbors.entries()
        return np.where(several[which], match[own], -1), line - 1, groups, count

    def hits(self, match: np.ndarray) -> int:
        """Number of images in which the category of most predicted foreground pixels occurs; for any matching."""
        image, predicted, area = self.areas.entries()
        region = relabeling(match, self.num_clusters, self.num_categories)[predicted]
        image, region, area = image[region > 0], region[region > 0], area[region > 0]
        joint = SparseCounter((self.images + 1, self.num_clusters + self.num_categories + 1))
        joint.add((image, region), area)
        image, region, area = joint.entries()
        order = np.lexsort((region, -area, image))
        image, region = image[order], region[order]
        first = np.diff(image, prepend=-1) > 0
        voted = image[first] * (self.num_categories + 1) + region[first]
        at, true, _ = self.present.entries()
        return int(np.isin(voted[region[first] <= self.num_categories], at * (self.num_categories + 1) + true).sum())

    def _add_neighbors(self, predicted: np.ndarray, true: np.ndarray) -> None:
        counted = true != IGNORE_INDEX
        ids, pixels = np.unique(true[counted], return_counts=True)
        bits = size_bits(pixels, ids.astype(np.int64), pixels.sum())
        groups = np.zeros(IGNORE_INDEX + 1, np.int64)
        groups[ids] = bits
        width = boundary_width(*true.shape)
        which = np.full(true.shape, INSIDE)
        frame = frame_mask(true.shape, width)
        near = boundary_mask(predicted, width) & ~frame
        which[near] = self._surroundings(predicted, near, width)
        which[frame] = OUTSIDE
        line = np.where(boundary_mask(true, width), true.astype(np.int64) + 1, 0)
        kept = counted & ((which != INSIDE) | (line > 0))
        self.neighbors.add(
            (which[kept], predicted[kept].astype(np.int64), line[kept], groups[true[kept]]),
            np.ones(kept.sum(), np.int64),
        )

    def _surroundings(self, predicted: np.ndarray, near: np.ndarray, width: int) -> np.ndarray:
        """Indices of the sets of ids around the pixels of a mask, ``(n,)``."""
        square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
        ids = np.unique(predicted)
        around = [cv2.dilate((predicted == i).view(np.uint8), square)[near] for i in ids]
        packed = np.packbits(np.array(around, np.uint8).reshape(len(ids), -1), axis=0)
        distinct, inverse = np.unique(packed, axis=1, return_inverse=True)
        members = np.unpackbits(distinct, axis=0, count=len(ids)).T == 1
        return np.array([self._set_index(tuple(ids[row].tolist())) for row in members], np.int64)[inverse.ravel()]

    def _set_index(self, ids: tuple[int, ...]) -> int:
        return self.sets.setdefault(ids, len(self.sets))
