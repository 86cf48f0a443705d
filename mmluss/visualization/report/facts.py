# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a report shows, as plain values: nothing here knows of runs, models or files."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Picture:
    """A small picture with its caption.

    Attributes:
        data: JPEG file as bytes.
        caption: Text below it, such as the photo's name.
    """

    data: bytes
    caption: str


@dataclass(frozen=True)
class ClusterFacts:
    """One cluster.

    Attributes:
        id: 1..K, the id in label maps.
        name: Its name.
        color: RGB, 0..255 each.
        photos: Number of photos nearest to it.
        share: Share of all pixels with its id, 0..1.
        closest: Name of the cluster with the most similar centroid; empty if there is none.
        similarity: Cosine of both centroids.
        gallery: Its most typical photos.
    """

    id: int
    name: str
    color: Sequence[int]
    photos: int
    share: float
    closest: str
    similarity: float
    gallery: Sequence[Picture]


@dataclass(frozen=True)
class Curve:
    """A line to draw, with one position marked.

    Attributes:
        x: ``(n,)`` positions.
        y: ``(n,)`` values.
        x_label: What x is.
        y_label: What y is.
        chosen: Marked position, None for none.
    """

    x: np.ndarray
    y: np.ndarray
    x_label: str
    y_label: str
    chosen: float | None = None


@dataclass(frozen=True)
class Histogram:
    """Foreground scores of all photos and the threshold between background and foreground.

    Attributes:
        counts: ``(B,)`` weight of each bin.
        edges: ``(B + 1,)`` bin edges.
        threshold: Scores from here on are foreground.
    """

    counts: np.ndarray
    edges: np.ndarray
    threshold: float


@dataclass(frozen=True)
class MapPoint:
    """A photo on the map of all photos.

    Attributes:
        x: From left, 0..1.
        y: From the top, 0..1.
        color: RGB of its cluster, 0..255 each.
        picture: Its thumbnail.
    """

    x: float
    y: float
    color: Sequence[int]
    picture: Picture


@dataclass(frozen=True)
class ReportFacts:
    """Everything a report shows; what is empty or None is left out.

    Attributes:
        title: Headline.
        run: What was run, by name.
        clusters: All clusters in the order to show, empty ones too.
        warnings: What the reader should look at first.
        losses: Curves of the losses by name.
        histogram: Foreground scores.
        criterion: The criterion that chose the number of clusters.
        points: The map of photos.
        uncertain: Photos whose two best clusters are closest to each other.
        several: Photos that show more than one cluster.
        skipped: Name and reason of each file that was left out.
        scores: Scores in percent by name, where there are masks.
        confusion: ``(K, N)`` photos or pixels by cluster and category.
        categories: N names of the categories.
        sweep: Validation mIoU by threshold.
    """

    title: str
    run: dict[str, str]
    clusters: Sequence[ClusterFacts]
    warnings: Sequence[str] = ()
    losses: dict[str, Curve] = field(default_factory=dict)
    histogram: Histogram | None = None
    criterion: Curve | None = None
    points: Sequence[MapPoint] = ()
    uncertain: Sequence[Picture] = ()
    several: Sequence[Picture] = ()
    skipped: Sequence[tuple[str, str]] = ()
    scores: dict[str, float] = field(default_factory=dict)
    confusion: np.ndarray | None = None
    categories: Sequence[str] = ()
    sweep: Curve | None = None
