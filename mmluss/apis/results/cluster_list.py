# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A table with a row for each image: which cluster it belongs to, from a finished run or a folder of label maps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmluss.apis.results.clustered_images import read_clustered_images
from mmluss.apis.results.photo_table import PhotoTable, count_pixels, make_photo_table
from mmluss.apis.results.run_folder import RunFolder
from mmluss.datasets.label_codec import read_label_map
from mmluss.datasets.label_folder import PIXEL_LABELS
from mmluss.evaluation.folder import label_names
from mmluss.utils.atomic_files import write_csv

COLUMNS = ("image", "cluster", "typicality", "margin", "pixel_cluster", "pixel_cluster_share", "foreground_share")


def write_cluster_list(source: str | Path, path: str | Path) -> int:
    """Write the cluster of each image as CSV.

    The columns are ``COLUMNS``. ``cluster`` is the one nearest to the image's embedding, ``typicality`` the cosine of
    embedding and centroid, ``margin`` by how much the second best is smaller; a folder of label maps alone has none of
    the three. ``pixel_cluster`` has most of the image's foreground pixels (the smallest id of several; 0 without
    foreground), ``pixel_cluster_share`` its share of them, ``foreground_share`` theirs of all certain pixels.

    Args:
        source: Work folder of step 2, folder of ``mmluss discover``, or folder of label maps ``CATEGORY/NAME.png``.
        path: The file to write; columns that all images lack are left out.

    Returns:
        Number of images.

    Raises:
        FileNotFoundError: If there is no such folder, or a file of the run is missing.
        ValueError: If there is no label map, or one cannot be read.
    """
    source = Path(source)
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: no such folder")
    if (source / "run.json").is_file():
        run = RunFolder(source)
        run.check_steps()
        names, rows = run.photos, _rows(run.table())
    elif (source / PIXEL_LABELS).is_dir():
        names, rows = _rows_of_step(source)
    else:
        names, rows = _rows_of_label_maps(source)
    known = [column for column in COLUMNS if column in rows[0]]
    table = ((name, *(row[column] for column in known)) for name, row in zip(names, rows, strict=True))
    write_csv(path, ["image", *known], table, for_spreadsheets=False)
    return len(names)


def _rows_of_step(folder: Path) -> tuple[list[str], list[dict]]:
    images = read_clustered_images(folder)
    return images.names, _rows(make_photo_table(images.embeddings, images.centroids, images.label_maps))


def _rows(table: PhotoTable) -> list[dict]:
    dense = (table.pixels[[row]].toarray()[0] for row in range(len(table.cluster)))
    return [
        dict(cluster=int(cluster), typicality=f"{typicality:.4f}", margin=f"{margin:.4f}", **_pixel_columns(pixels))
        for cluster, typicality, margin, pixels in zip(
            table.cluster, table.typicality, table.margin, dense, strict=True
        )
    ]


def _rows_of_label_maps(folder: Path) -> tuple[list[str], list[dict]]:
    names = label_names(folder)
    if not names:
        raise ValueError(
            f"{folder} is neither a work folder of step 2 (pixel_labels), nor one of mmluss discover (run.json), and "
            "there is no label map in it"
        )
    rows = []
    for name in names:
        ids, counts = count_pixels(read_label_map(folder / f"{name}.png"))
        pixels = np.zeros(int(ids.max(initial=0)) + 1, np.int64)
        pixels[ids] = counts
        rows.append(_pixel_columns(pixels))
    return names, rows


def _pixel_columns(pixels: np.ndarray | Sequence[int]) -> dict:
    """Of one image's pixels by id, ``(K + 1,)``."""
    pixels = np.asarray(pixels)
    foreground = int(pixels[1:].sum())
    most = int(pixels[1:].argmax()) + 1 if foreground else 0
    share = pixels[most] / foreground if foreground else 0.0
    return dict(
        pixel_cluster=most,
        pixel_cluster_share=f"{share:.4f}",
        foreground_share=f"{foreground / max(int(pixels.sum()), 1):.4f}",
    )
