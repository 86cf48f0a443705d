# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Settings of clustering and labeling."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from mmluss.clustering.kmeans import KMeansStart
from mmluss.datasets.label_codec import IGNORE_INDEX

_LEAST = dict(
    num_clusters=1,
    crop_size=1,
    neighbors=2,
    iterations=1,
    restarts=1,
    otsu_images=1,
    batch_size=1,
    num_workers=0,
    writers=1,
)


@dataclass(frozen=True)
class PseudoLabelSettings:
    """How to cluster and label.

    Attributes:
        num_clusters: K, the number of clusters.
        threshold: A number in 0..1; "val": the best mIoU on validation images with masks; "otsu": from the scores of
            the training images alone.
        threshold_step: Distance of the thresholds that "val" tries: 0..0.80, of relative scores to 0.95. The mean
            attention of a shortly trained model varies by a few hundredths only and wants finer ones than the published
            0.01.
        crop_size: Side in pixels of the center crop that gives an image's embedding, None for the whole image.
        clustering: "kmeans", the published method, or "spectral", on the graph of nearest neighbors.
        neighbors: Nearest neighbors of an image in that graph.
        iterations: Lloyd rounds of k-means.
        restarts: Random starts of k-means.
        seed: Seed of k-means.
        kmeans_start: Where a restart of k-means begins: "random" rows, or rows far from one another ("k-means++", which
            spectral clustering always takes).
        spherical: Whether centroids of k-means are brought to length 1 after each round.
        dtype: "float16" or "float32", of the embeddings on disk.
        use_saliency: Saliency maps replace the attention.
        otsu_images: "otsu" looks at so many images at most, spread evenly over the data list.
        batch_size: Images a batch and process.
        num_workers: Loading processes of each process.
        writers: Threads of each process that write label maps.

    Raises:
        ValueError: A threshold that is neither of these, a step that is not within 0..0.80, a number below its least,
            or another clustering, start or dtype.
    """

    num_clusters: int
    threshold: float | Literal["val", "otsu"] = "val"
    threshold_step: float = 0.01
    crop_size: int | None = 224
    clustering: Literal["kmeans", "spectral"] = "kmeans"
    neighbors: int = 10
    iterations: int = 20
    restarts: int = 30
    seed: int = 0
    kmeans_start: KMeansStart = "random"
    spherical: bool = False
    dtype: Literal["float16", "float32"] = "float16"
    use_saliency: bool = False
    otsu_images: int = 10000
    batch_size: int = 32
    num_workers: int = 4
    writers: int = 4

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(f"{name} is a whole number, {least} or more, not {value!r}")
        if self.num_clusters >= IGNORE_INDEX:
            raise ValueError(
                f"num_clusters is at most {IGNORE_INDEX - 1}, not {self.num_clusters}: {IGNORE_INDEX} means ignored in "
                "label maps"
            )
        number = isinstance(self.threshold, int | float) and 0 <= self.threshold <= 1
        if not number and self.threshold not in ("val", "otsu"):
            raise ValueError(f"threshold is a number in 0..1, 'val' or 'otsu', not {self.threshold!r}")
        if self.clustering not in ("kmeans", "spectral"):
            raise ValueError(f"clustering is 'kmeans' or 'spectral', not {self.clustering!r}")
        if self.kmeans_start not in get_args(KMeansStart):
            raise ValueError(f"kmeans_start is 'random' or 'k-means++', not {self.kmeans_start!r}")
        if self.dtype not in ("float16", "float32"):
            raise ValueError(f"dtype is 'float16' or 'float32', not {self.dtype!r}")
        if not 0 < self.threshold_step <= 0.8:
            raise ValueError(f"threshold_step is above 0 and at most 0.80, not {self.threshold_step!r}")

    def chosen(self, *names: str) -> dict[str, Any]:
        """Some of the settings, by name."""
        return {name: getattr(self, name) for name in names}
