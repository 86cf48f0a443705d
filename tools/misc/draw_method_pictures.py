# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Draw the pictures of docs/method.md: one small one a step, from a drawn scene and the package's own functions.

    python tools/misc/draw_method_pictures.py [OUT]

Attention and prediction are drawn from the scene's true mask: they show what a step is about, not what a model did.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib

matplotlib.use("Agg")
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmluss.clustering.kmeans import kmeans, normalize_rows
from mmluss.clustering.thresholds import otsu_threshold
from mmluss.datasets.synthetic.scenes import CATEGORIES, render_scene
from mmluss.datasets.transforms.overlap_grid import overlap_grid
from mmluss.evaluation.matching import assign_one_to_one
from mmluss.models.pretraining.sinkhorn import sinkhorn

OUT = Path(__file__).resolve().parents[2] / "docs" / "images" / "method"
CROPS = ((12, 10, 120, 120, 0), (70, 50, 118, 118, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "out", nargs="?", type=Path, default=OUT, help="folder of the pictures (default: docs/images/method)"
    )
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        figure = draw()
        figure.savefig(out / f"{name}.png", dpi=80, metadata={"Software": None})
        plt.close(figure)


def example_scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGB image, foreground mask and a smooth score that is high on the object."""
    image, ids = render_scene(3, np.random.default_rng(5))
    mask = ids > 0
    noise = cv2.GaussianBlur(np.random.default_rng(0).standard_normal(mask.shape), (0, 0), 8)
    score = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 7) * 0.35 + 0.35 + 0.4 * noise
    return image[..., ::-1], mask, score.clip(0, 1)


def panels(*titles: str) -> tuple[Figure, list[plt.Axes]]:
    """A row of small panels without ticks."""
    figure, axes = plt.subplots(1, len(titles), figsize=(3.1 * len(titles), 2.9), layout="constrained")
    for axis, title in zip(np.atleast_1d(axes), titles, strict=True):
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontsize=10)
    return figure, list(np.atleast_1d(axes))


def draw_crops() -> Figure:
    image, _, _ = example_scene()
    figure, axes = panels("two crops and their common 7 x 7 grid", "scores", "balanced assignments")
    axes[0].imshow(image)
    for (left, top, width, height, _), color in zip(CROPS, ("tab:orange", "tab:cyan"), strict=True):
        axes[0].add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=color, linewidth=2))
    left, top, width, height, _ = CROPS[0]
    grid = (overlap_grid(*CROPS)[0] + 1) / 2 * (width, height) + (left, top)
    axes[0].plot(grid[..., 0].ravel(), grid[..., 1].ravel(), "w.", markersize=3)
    rng = np.random.default_rng(1)
    scores = torch.from_numpy(rng.normal(0, 0.1, (12, 6)) + np.array([0.3, 0.1, 0, 0, 0, 0]))
    for axis, values in zip(axes[1:], (scores, sinkhorn(scores)), strict=True):
        axis.imshow(values, cmap="viridis")
        axis.set(xlabel="prototypes", ylabel="images")
    return figure


def draw_attention() -> Figure:
    image, _, score = example_scene()
    figure, axes = panels("photo", "attention, mean over channels", "what is averaged")
    axes[0].imshow(image)
    axes[1].imshow(score, cmap="inferno", vmin=0, vmax=1)
    axes[2].imshow((image * (score / score.max())[..., None] ** 2).astype(np.uint8))
    return figure


def draw_clusters() -> Figure:
    angles = np.random.default_rng(3).normal(np.repeat([0.3, 1.0, 1.7, 2.5], 40), 0.1)
    rows = normalize_rows(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32))
    result = kmeans(rows, 4, restarts=5)
    figure, [axis] = panels("embeddings of images, unit length")
    axis.scatter(*rows.T, c=result.assignments, cmap="tab10", s=12)
    axis.plot(*result.centroids.T, "kx", markersize=10, markeredgewidth=2)
    axis.set_aspect("equal")
    return figure


def draw_threshold() -> Figure:
    _, _, score = example_scene()
    histogram, edges = np.histogram(score, bins=80, range=(0, 1))
    threshold = otsu_threshold(histogram, edges)
    figure, axes = panels("foreground scores of all pixels", "above the threshold")
    axes[0].stairs(histogram, edges, fill=True, color="tab:gray")
    axes[0].axvline(threshold, color="tab:red")
    axes[0].set_xticks([0, round(threshold, 2), 1])
    axes[1].imshow(score >= threshold, cmap="gray")
    return figure


def draw_labels() -> Figure:
    image, mask, score = example_scene()
    figure, axes = panels("nearest centroid of each pixel", "below the threshold: 0, other", "label map on the photo")
    noise = cv2.GaussianBlur(np.random.default_rng(2).random(mask.shape), (0, 0), 10)
    clusters = np.where(mask, 3, 1 + np.digitize(noise, np.quantile(noise, [0.4, 0.7])) * 2)
    otsu = otsu_threshold(*np.histogram(score, bins=80, range=(0, 1)))
    labels = np.where(score >= otsu, clusters, 0)
    for axis, values in zip(axes, (clusters, labels), strict=False):
        axis.imshow(values, cmap="tab10", vmin=0, vmax=9, interpolation="nearest")
    axes[2].imshow(overlay(image, labels))
    return figure


def draw_finetuning() -> Figure:
    image, mask, _ = example_scene()
    left, top, width, height, _ = CROPS[1]
    crop = np.s_[top : top + height, left : left + width]
    figure, axes = panels("crop of the photo", "its labels, halved", "logits enlarged to it")
    axes[0].imshow(image[crop])
    half = cv2.resize(mask[crop].astype(np.uint8), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_NEAREST)
    axes[1].imshow(half * 3, cmap="tab10", vmin=0, vmax=9, interpolation="nearest")
    small = cv2.resize(mask[crop].astype(np.float32), (7, 7), interpolation=cv2.INTER_AREA)
    axes[2].imshow(cv2.resize(small, half.shape[::-1], interpolation=cv2.INTER_LINEAR), cmap="viridis")
    return figure


def draw_matching() -> Figure:
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 6, (6, 6)) + 25 * np.eye(6, dtype=int)[rng.permutation(6)]
    match = assign_one_to_one(counts)
    figure, [axis] = panels("images that a cluster and a category share")
    axis.imshow(counts, cmap="Blues")
    axis.plot(match[1:] - 1, np.arange(6), "o", color="tab:red", markerfacecolor="none", markersize=18)
    axis.set_xticks(range(6), CATEGORIES[:6], rotation=40, fontsize=7, ha="right")
    axis.set_yticks(range(6), range(1, 7), fontsize=7)
    return figure


def overlay(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """RGB image with labels as colors over it; 0 stays as it is."""
    colors = plt.get_cmap("tab10")(labels % 10)[..., :3] * 255
    return np.where(labels[..., None] > 0, 0.4 * image + 0.6 * colors, image).astype(np.uint8)


PICTURES: dict[str, Callable[[], Figure]] = {
    "1_pretraining": draw_crops,
    "2_1_pixel_attention": draw_attention,
    "2_2_clustering": draw_clusters,
    "2_3_threshold": draw_threshold,
    "2_4_pixel_labels": draw_labels,
    "3_finetuning": draw_finetuning,
    "4_matching": draw_matching,
}

if __name__ == "__main__":
    main()
