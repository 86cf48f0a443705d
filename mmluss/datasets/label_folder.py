# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What step 2 leaves in its work folder, by name: embeddings, centroids, label maps, the model that labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmluss.utils.atomic_files import read_json

PIXEL_LABELS = "pixel_labels"
"""Folder of label maps, ``CATEGORY/NAME.png`` each."""
MANIFEST = "manifest.json"
"""In the folder of label maps: settings, clustering and threshold that they were made with."""
LABEL_CHECKPOINT = "pixel_labels.pth"
"""The model that names pixels: centroids and threshold are in it."""
CENTROIDS = "centroids.npy"
CLUSTERING = "clustering"
"""Folder of the embeddings, unless others share them, and of what clustering and threshold go on from."""
EMBEDDINGS = "embeddings.npy"
"""A row for each image, in the order of the data set."""
LABEL_OUTPUTS = (LABEL_CHECKPOINT, f"{PIXEL_LABELS}/{MANIFEST}")
"""Without these step 2 is not done."""


def read_label_manifest(folder: str | Path, keys: Iterable[str] = ()) -> dict[str, Any]:
    """Read the manifest of the label maps in a step's folder.

    Args:
        folder: The folder of step 2.
        keys: What it must hold.

    Raises:
        FileNotFoundError: If the step wrote none.
        ValueError: If it is no JSON or lacks a key.
    """
    return read_json(Path(folder) / PIXEL_LABELS / MANIFEST, tuple(keys))
