# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The foreground threshold: from validation masks (PASS, step 2.3), or without any label (Otsu 1979)."""

from typing import Any

import numpy as np
import torch
from mmengine import dist
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel

from mmluss.clustering.image_batches import batches_of_equal_shape, image_sizes, my_spread_share
from mmluss.clustering.input_checks import check_threshold, missing_mask
from mmluss.clustering.label_writing import predict_pixel_scores
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.evaluation.thresholds.threshold_sweep import ThresholdSweep
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels

HISTOGRAM_BINS = 4096

THRESHOLD_IMAGES = 100
"""Images looked at to see whether a given threshold lies among their scores."""


def find_threshold(
    model: BaseModel,
    dataset: BaseDataset,
    sizes: np.ndarray,
    settings: PseudoLabelSettings,
    validation: BaseDataset | None = None,
) -> dict[str, Any]:
    """The foreground threshold that the settings ask for, and what it was chosen from; shared among processes.

    Args:
        model: A ``PixelAttentionSegmentor`` with centroids, in eval mode.
        dataset: Training images, whole ones of a common short side.
        sizes: ``(M, 2)`` width and height of their files.
        settings: ``threshold``: "val", "otsu" or a number; ``otsu_images``, ``batch_size`` and those of the functions
            below.
        validation: Validation images with masks, for "val".

    Returns:
        ``value``; with "val" ``validation_miou``, ``thresholds`` and ``miou_of_threshold``; without the number of
        ``images`` that were looked at and a ``histogram`` of their scores in 256 bins.

    Raises:
        ValueError: Everything or nothing would be foreground, or there are no validation images for "val".
    """
    if settings.threshold == "val":
        if validation is None:
            raise ValueError("threshold 'val' is chosen on validation images with masks, and none are given")
        batches = batches_of_equal_shape(image_sizes(validation), settings.batch_size)
        sweep = sweep_thresholds(model, validation, batches, settings)
        return dict(
            value=float(sweep["best_threshold"]),
            validation_miou=float(sweep["best_miou"]),
            thresholds=np.asarray(sweep["thresholds"]).tolist(),
            miou_of_threshold=np.asarray(sweep["miou"]).tolist(),
        )
    most = settings.otsu_images if settings.threshold == "otsu" else THRESHOLD_IMAGES
    # Spread evenly over the data list.
    looked_at = np.unique(np.linspace(0, len(sizes) - 1, min(most, len(sizes))).astype(int))
    groups = batches_of_equal_shape(sizes[looked_at], settings.batch_size)
    histogram, edges = score_histogram(model, dataset, [looked_at[group].tolist() for group in groups], settings)
    if settings.threshold == "otsu":
        value = otsu_threshold(histogram, edges)
    else:
        value = float(settings.threshold)
        check_threshold(value, histogram, edges)
    return dict(
        value=value,
        images=round(histogram.sum()),
        # Coarser than what Otsu's method saw: for pictures.
        histogram=np.round(histogram.reshape(256, -1).sum(axis=1), 4).tolist(),
    )


def otsu_threshold(histogram: np.ndarray, bin_edges: np.ndarray) -> float:
    """Threshold that separates a histogram into two classes of greatest between-class variance.

    Args:
        histogram: ``(n,)`` counts.
        bin_edges: ``(n + 1,)`` ascending.

    Returns:
        The edge between the last bin of the lower class and the first of the upper one; the lowest in a tie.

    Raises:
        ValueError: All counts are in one bin or there are none.
    """
    counts = np.asarray(histogram, np.float64)
    if np.count_nonzero(counts) < 2:
        raise ValueError(
            "Otsu's threshold needs scores of at least two values, but all are alike: is the attention trained? Give a "
            "number, or 'val', as threshold"
        )
    edges = np.asarray(bin_edges, np.float64)
    centers = (edges[:-1] + edges[1:]) / 2
    lower = np.cumsum(counts)[:-1]
    lower_sum = np.cumsum(counts * centers)[:-1]
    upper = counts.sum() - lower
    upper_sum = (counts * centers).sum() - lower_sum
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = lower * upper * (lower_sum / lower - upper_sum / upper) ** 2
    return float(edges[1 + int(np.argmax(np.nan_to_num(variance)))])


def score_histogram(
    model: BaseModel,
    dataset: BaseDataset,
    batches: list[list[int]],
    settings: PseudoLabelSettings,
    bins: int = HISTOGRAM_BINS,
) -> tuple[np.ndarray, np.ndarray]:
    """Histogram of the foreground scores of images in 0..1, every image with the same weight; shared among processes.

    Args:
        model: A ``PixelAttentionSegmentor`` with centroids, in eval mode.
        dataset: Gives whole images of a common short side.
        batches: Indices of the images that are loaded together.
        settings: ``num_workers`` and ``use_saliency``.
        bins: Number of equal bins.

    Returns:
        ``(bins,)`` float64 and ``(bins + 1,)`` edges.
    """
    share = my_spread_share(batches)
    found = {}
    for index, _, _, _, score in predict_pixel_scores(model, dataset, share, settings, "score histogram"):
        found[index] = torch.histc(score, bins, 0, 1).double() / score.numel()
    total = sum(found.values(), torch.zeros(bins, dtype=torch.float64))
    return sum(dist.all_gather_object(total.numpy())), np.linspace(0, 1, bins + 1)


@torch.no_grad()
def sweep_thresholds(
    model: BaseModel,
    dataset: BaseDataset,
    batches: list[list[int]],
    settings: PseudoLabelSettings,
) -> dict[str, Any]:
    """Validation mIoU at thresholds of 0, step, 2 * step up to 0.80, each with its own matching.

    Relative scores are tried up to 0.95. Processes share the images.

    Args:
        model: A ``PixelAttentionSegmentor`` with centroids, in eval mode.
        dataset: Gives whole images of a common short side, with masks in their original size; its meta information has
            the true categories.
        batches: Indices of the images that are loaded together.
        settings: ``num_clusters``, ``threshold_step``, ``num_workers`` and ``use_saliency``.

    Returns:
        What ``ThresholdSweep.compute`` gives, with ``best_threshold`` and ``best_miou``.

    Raises:
        ValueError: An image has no mask; the message names it.
    """
    # Scores that are stretched to 0..1 within each image want higher thresholds.
    relative = getattr(model, "label_settings", {}).get("foreground") == "relative"
    largest = 0.95 if relative else 0.8
    steps = int(largest / settings.threshold_step + 1e-6)
    thresholds = np.round(np.arange(steps + 1) * settings.threshold_step, 6)
    num_categories = len(dataset.metainfo["classes"]) - 1
    sweep = ThresholdSweep(num_categories, thresholds, num_clusters=settings.num_clusters)
    share = my_spread_share(batches)
    scored = predict_pixel_scores(model, dataset, share, settings, "threshold sweep")
    for _, _, sample, cluster, score in scored:
        if "gt_sem_seg" not in sample:
            raise missing_mask(str(sample.metainfo.get("img_path")))
        truth = sample.gt_sem_seg.data[0].numpy()
        cluster, score = resize_pixel_labels(cluster, score, truth.shape, None)
        sweep.update(cluster.numpy(), truth, score.numpy(), str(sample.metainfo.get("img_path")))
    parts = dist.all_gather_object(sweep)
    for other in parts[1:]:
        parts[0].merge(other)
    return parts[0].compute()
