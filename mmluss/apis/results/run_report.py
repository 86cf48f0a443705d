# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From what a run left in its folders to the facts of its report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmluss.apis.results.photo_table import PhotoTable
from mmluss.apis.steps.training_folder import training_records
from mmluss.clustering.kmeans import normalize_rows
from mmluss.datasets.label_codec import read_label_map
from mmluss.utils.listings import shorten
from mmluss.visualization.report import ClusterFacts, Curve, Histogram, MapPoint, Picture, ReportFacts
from mmluss.visualization.report.embedding_map import embedding_map
from mmluss.visualization.report.pictures import bright_palette, outlined_photo

GALLERY, LISTED, ON_THE_MAP = 12, 24, 600
"""Photos of a cluster, of a list, and of the map; more would make the page too large to open."""


class PhotoPictures:
    """Pictures of a run's photos with the outlines of their label maps.

    Args:
        photos: M files.
        label_maps: M files.
        names: M captions.
        num_clusters: K.
        read_photo: Gives a file's pixels, ``(H, W, 3)`` uint8 RGB, as training saw them.
    """

    def __init__(
        self,
        photos: Sequence[str],
        label_maps: Sequence[str | Path],
        names: Sequence[str],
        num_clusters: int,
        read_photo: Callable[[str], np.ndarray],
    ) -> None:
        self.photos, self.label_maps, self.names = photos, label_maps, names
        self.palette = bright_palette(num_clusters + 1)
        self.read_photo = read_photo

    def outlined(self, index: int, side: int = 256) -> Picture:
        """A photo with outlines, its longest side at most ``side`` pixels."""
        labels = read_label_map(self.label_maps[index])
        return Picture(outlined_photo(self._photo(index), labels, self.palette, side), self.names[index])

    def thumbnail(self, index: int, side: int = 64) -> Picture:
        """A photo alone."""
        return Picture(outlined_photo(self._photo(index), None, self.palette, side), self.names[index])

    def _photo(self, index: int) -> np.ndarray:
        """A photo, or gray in its place where it is gone or another one by now."""
        labels = read_label_map(self.label_maps[index])
        try:
            photo = self.read_photo(self.photos[index])
        except (OSError, ValueError):
            photo = np.empty((0, 0, 3), np.uint8)
        return photo if photo.shape[:2] == labels.shape else np.full((*labels.shape, 3), 128, np.uint8)


def cluster_facts(
    table: PhotoTable, centroids: np.ndarray, names: Sequence[str], pictures: PhotoPictures
) -> list[ClusterFacts]:
    """Facts of all K clusters, the one with most photos first.

    Args:
        table: What is known of each photo.
        centroids: ``(K, C)``.
        names: K + 1 names, that of the background first.
        pictures: Where the galleries come from.
    """
    shares = table.shares()
    directions = normalize_rows(centroids)
    similarity = directions @ directions.T
    np.fill_diagonal(similarity, -np.inf)
    photos = np.bincount(table.cluster, minlength=len(names))
    facts = []
    for cluster in np.argsort(-photos[1:], kind="stable") + 1:
        closest = int(similarity[cluster - 1].argmax()) + 1 if len(centroids) > 1 else 0
        facts.append(
            ClusterFacts(
                id=int(cluster),
                name=names[cluster],
                color=pictures.palette[cluster],
                photos=int(photos[cluster]),
                share=float(shares[cluster]),
                closest=names[closest] if closest else "",
                similarity=float(similarity[cluster - 1, closest - 1]) if closest else 0.0,
                gallery=[pictures.outlined(int(index)) for index in table.photos_of(int(cluster), GALLERY)],
            )
        )
    return facts


def run_warnings(table: PhotoTable) -> list[str]:
    """What a reader should look at first: nothing or everything is foreground, clusters are empty."""
    warnings = []
    foreground = 1 - table.shares()[0]
    if foreground < 0.01 or foreground > 0.99:
        warnings.append(
            f"{100 * foreground:.2f} % of all pixels are foreground, so the threshold does not separate things from "
            "their surroundings: look at the histogram of scores and give another threshold."
        )
    photos = np.bincount(table.cluster, minlength=table.pixels.shape[1])[1:]
    empty = np.flatnonzero(photos == 0) + 1
    if len(empty):
        ids = shorten(empty.tolist(), 10)
        warnings.append(f"{len(empty)} of {len(photos)} clusters have no photo (ids {ids}): try fewer clusters.")
    return warnings


def report_facts(
    title: str,
    run: dict[str, str],
    table: PhotoTable,
    embeddings: np.ndarray,
    centroids: np.ndarray,
    names: Sequence[str],
    pictures: PhotoPictures,
    seed: int = 0,
    **others: Any,
) -> ReportFacts:
    """Facts of a report.

    Args:
        title: Headline.
        run: What was run, by name.
        table: What is known of each photo.
        embeddings: ``(M, C)`` of the photos.
        centroids: ``(K, C)``.
        names: K + 1 names, that of the background first.
        pictures: Pictures of the photos.
        seed: Seed of the choice of photos for the map, where there are many.
        **others: Further fields of ``ReportFacts``: losses, histogram, scores, ...
    """
    shown = np.arange(len(embeddings))
    if len(shown) > ON_THE_MAP:
        shown = np.sort(np.random.default_rng(seed).choice(shown, ON_THE_MAP, replace=False))
    places = embedding_map(embeddings, seed)
    return ReportFacts(
        title=title,
        run=run,
        clusters=cluster_facts(table, centroids, names, pictures),
        warnings=[*run_warnings(table), *others.pop("warnings", ())],
        points=[
            MapPoint(
                float(places[index, 0]),
                float(places[index, 1]),
                pictures.palette[table.cluster[index]],
                pictures.thumbnail(int(index)),
            )
            for index in shown
        ],
        uncertain=[pictures.outlined(int(index)) for index in table.least_certain(LISTED)],
        several=[pictures.outlined(int(index)) for index in table.with_several_things()[:LISTED]],
        **others,
    )


def training_losses(folders: dict[str, Path], key: str = "loss") -> dict[str, Curve]:
    """Loss curves from the logs that mmengine left in work folders.

    Args:
        folders: Work folders by the name to show.
        key: Which value of a record.

    Returns:
        Curves by name; folders without such records are left out.
    """
    curves = {}
    for name, folder in folders.items():
        # A resumed training logs some iterations again: the last word counts.
        values = {record["step"]: record[key] for record in training_records(folder) if key in record}
        if values:
            steps = sorted(values)
            curves[name] = Curve(np.array(steps), np.array([values[step] for step in steps]), "iteration", key)
    return curves


def threshold_facts(manifest: dict[str, Any]) -> dict[str, Curve | Histogram]:
    """How the threshold was chosen, from the manifest of pixel labels: ``histogram`` or ``sweep``, if any.

    Args:
        manifest: Content of ``pixel_labels/manifest.json``.
    """
    chosen = manifest["threshold"]
    facts: dict[str, Curve | Histogram] = {}
    if "histogram" in chosen:
        edges = np.linspace(0, 1, len(chosen["histogram"]) + 1)
        facts["histogram"] = Histogram(np.array(chosen["histogram"]), edges, chosen["value"])
    if "miou_of_threshold" in chosen:
        facts["sweep"] = Curve(
            np.array(chosen["thresholds"]), np.array(chosen["miou_of_threshold"]), "threshold", "mIoU", chosen["value"]
        )
    return facts
