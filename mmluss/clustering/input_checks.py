# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What would stop or spoil clustering and labeling, found out as early as it can be."""

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger

from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.utils.listings import shorten


def check_inputs(dataset: BaseDataset, settings: PseudoLabelSettings, validation: BaseDataset | None) -> None:
    """Find out before hours of work what would stop it.

    Args:
        dataset: Training images.
        settings: How to cluster and label.
        validation: Validation images.

    Raises:
        ValueError: Fewer images than clusters; threshold "val" without validation images, without known categories, or
            with images that have no mask, which the message names.
    """
    if len(dataset) < settings.num_clusters:
        raise ValueError(
            f"{len(dataset)} images cannot make {settings.num_clusters} clusters: give more images, or a smaller "
            "num_clusters"
        )
    if settings.threshold != "val":
        return
    if validation is None:
        raise ValueError("threshold 'val' needs validation images with masks; without any, use 'otsu' or a number")
    if len(validation.metainfo["classes"]) < 2:
        raise ValueError("threshold 'val' needs validation images of known categories: give classes in metainfo")
    infos = (validation.get_data_info(index) for index in range(len(validation)))
    bare = next((info["img_path"] for info in infos if info.get("seg_map_path") is None), None)
    if bare is not None:
        raise missing_mask(bare)
    if "gt_sem_seg" not in (validation[0].get("data_samples") or ()):
        raise missing_mask(validation.get_data_info(0)["img_path"])


def missing_mask(image: str) -> ValueError:
    """What is wrong where "val" comes to an image without a mask."""
    return ValueError(
        f"{image} has no mask: threshold 'val' needs validation images with masks (LoadImageNetSAnnotations in the "
        "pipeline); without any, use 'otsu' or a number"
    )


def check_clusters(sizes: np.ndarray) -> None:
    """Warn of clusters without images, and refuse a clustering that found one kind of image only.

    Args:
        sizes: ``(K,)`` images of each cluster.

    Raises:
        ValueError: If all images are in one of several clusters.
    """
    empty = np.flatnonzero(sizes == 0) + 1
    if len(sizes) > 1 and len(empty) == len(sizes) - 1:
        raise ValueError(
            f"All {sizes.sum()} images fall into one of {len(sizes)} clusters: their embeddings are alike. Are the "
            "images copies of each other, or did training collapse (its log tells)?"
        )
    if len(empty):
        MMLogger.get_current_instance().warning(
            f"{len(empty)} of {len(sizes)} clusters hold no image (number {shorten(empty.tolist())}), as images or "
            "their embeddings repeat: take out copies of images, or give PseudoLabelHook a smaller num_clusters."
        )


def check_threshold(threshold: float, histogram: np.ndarray, bin_edges: np.ndarray) -> None:
    """Refuse a threshold that makes all, or nothing, of the images foreground; 0 says that all shall be.

    Args:
        threshold: In 0..1.
        histogram: ``(n,)`` counts of scores.
        bin_edges: ``(n + 1,)`` ascending.

    Raises:
        ValueError: If the threshold lies outside of the scores; the message says where they are.
    """
    used = np.flatnonzero(histogram)
    low, high = float(bin_edges[used[0]]), float(bin_edges[used[-1] + 1])
    if threshold > high or 0 < threshold <= low:
        which = "below" if threshold <= low else "above"
        what = "everything" if threshold <= low else "nothing"
        raise ValueError(
            f"The threshold {threshold} lies {which} all foreground scores, which are {low:.4f} to {high:.4f}, so "
            f"{what} would be foreground: give PseudoLabelHook a threshold between them, 'val' or 'otsu'."
        )


def check_labels(pixels: np.ndarray, threshold: float) -> None:
    """Warn of label maps that are all foreground or have none, such as where "val" found nothing better.

    Args:
        pixels: ``(K + 1,)`` pixels of each label, of all images.
        threshold: What their scores were compared with; 0 says that all shall be foreground.
    """
    if pixels[1:].any() and (pixels[0] or threshold == 0):
        return
    what = "every pixel" if pixels[1:].any() else "no pixel"
    MMLogger.get_current_instance().warning(
        f"In the label maps, {what} of all images has a score that reaches the threshold {threshold:.4f}, so step 3 "
        "cannot learn where things are: give PseudoLabelHook another threshold, and look whether step 2.1 learned."
    )
