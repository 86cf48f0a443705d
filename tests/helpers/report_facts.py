# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Facts of a made-up run, for the tests of the page."""

import numpy as np

from mmluss.visualization.report import ClusterFacts, Curve, Histogram, MapPoint, Picture, ReportFacts
from mmluss.visualization.report.pictures import bright_palette, outlined_photo


def picture(seed: int, caption: str, palette: list[list[int]]) -> Picture:
    rng = np.random.default_rng(seed)
    photo = np.kron(rng.integers(0, 256, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    labels = np.zeros(photo.shape[:2], np.int64)
    labels[20:90, 30:120] = seed % (len(palette) - 1) + 1
    return Picture(outlined_photo(photo, labels, palette), caption)


def example_facts(**changes) -> ReportFacts:
    palette = bright_palette(4)
    rng = np.random.default_rng(0)
    clusters = [
        ClusterFacts(
            id=i,
            name=f"cluster {i}" if i < 3 else "cats <&> dogs",
            color=palette[i],
            photos=6 * (i < 3),
            share=0.1 * i,
            closest="cluster 2" if i == 1 else "cluster 1",
            similarity=0.5,
            gallery=[picture(10 * i + j, f"a folder/photo {i} {j}.jpg", palette) for j in range(6)] if i < 3 else [],
        )
        for i in (1, 2, 3)
    ]
    facts = dict(
        title='What is in "holiday photos"',
        run={"photos": "18", "clusters": "3 (chosen)"},
        clusters=clusters,
        warnings=["Cluster 3 is empty."],
        losses={"step 1": Curve(np.arange(30), np.exp(-np.arange(30) / 9), "iteration", "loss")},
        histogram=Histogram(rng.random(4096), np.linspace(0, 1, 4097), 0.62),
        criterion=Curve(np.arange(2, 12), rng.random(10), "clusters", "silhouette", 3),
        points=[MapPoint(*rng.random(2), palette[1 + i % 3], picture(i, f"point {i}.jpg", palette)) for i in range(20)],
        uncertain=[picture(70, "unsure.jpg", palette)],
        several=[picture(71, "both.jpg", palette)],
        skipped=[("broken <b>.jpg", "not an image")],
        scores={"mIoU": 61.25, "mBIoU": 30.0},
        confusion=np.array([[5, 1], [0, 6], [0, 0]]),
        categories=["cat", "dog"],
        sweep=Curve(np.linspace(0, 0.8, 9), rng.random(9), "threshold", "mIoU", 0.4),
    )
    return ReportFacts(**(facts | changes))
