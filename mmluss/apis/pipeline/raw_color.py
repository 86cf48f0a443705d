# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The weakest control: pixels named by their color alone."""

import cv2
import faiss
import numpy as np
from mmengine.dataset import BaseDataset
from rich.progress import track

from mmluss.datasets.label_codec import read_label_map
from mmluss.datasets.transforms.loading import read_stored_image
from mmluss.evaluation import LabelCounts
from mmluss.evaluation.scores import compute_scores, find_matching


def color_clusters(dataset: BaseDataset, num_clusters: int, side: int = 32, seed: int = 0) -> np.ndarray:
    """Clusters, by k-means, of the colors of the pixels of all images, each image shrunk to a square.

    Args:
        dataset: Samples have ``img_path``.
        num_clusters: Number of clusters.
        side: Side of the square in pixels.
        seed: Seed of k-means.

    Returns:
        Cluster colors ``(num_clusters, 3)`` float32, BGR in 0..255, the one with most pixels first.
    """
    shrunk = [
        cv2.resize(_bgr(dataset.get_data_info(index)["img_path"]), (side, side), interpolation=cv2.INTER_AREA)
        for index in track(range(len(dataset)), "Raw color: clustering")
    ]
    pixels = np.concatenate([image.reshape(-1, 3) for image in shrunk]).astype(np.float32)
    clustering = faiss.Kmeans(3, num_clusters, niter=20, nredo=3, seed=seed, max_points_per_centroid=len(pixels))
    clustering.train(pixels)
    counts = np.bincount(clustering.index.search(pixels, 1)[1][:, 0], minlength=num_clusters)
    return np.asarray(clustering.centroids)[np.argsort(-counts, kind="stable")]


def score_raw_color(train: BaseDataset, validation: BaseDataset) -> dict[str, float]:
    """Scores of labeling each pixel by its nearest cluster of colors.

    N + 1 clusters for N categories; the largest stands for "other".

    Args:
        train: Images to cluster.
        validation: Images with label maps to score on; its meta information has the classes.

    Returns:
        The mIoU, Acc and FMeasure in percent.
    """
    num_categories = len(validation.metainfo["classes"]) - 1
    clusters = color_clusters(train, num_categories + 1)
    nearest = faiss.IndexFlatL2(3)
    nearest.add(clusters)
    counts = LabelCounts(num_categories, boundaries=False)
    for index in track(range(len(validation)), "Raw color: scoring"):
        sample = validation.get_data_info(index)
        image = _bgr(sample["img_path"])
        labels = nearest.search(image.reshape(-1, 3).astype(np.float32), 1)[1].reshape(image.shape[:2])
        counts.update(labels, read_label_map(sample["seg_map_path"]).astype(np.int64), sample["img_path"])
    scores, _ = compute_scores(counts, find_matching(counts, "image"))
    return {name: scores[name] for name in ("mIoU", "Acc", "FMeasure")}


def _bgr(path: str) -> np.ndarray:
    return read_stored_image(path)[..., ::-1]
