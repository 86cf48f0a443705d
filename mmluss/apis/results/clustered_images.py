# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The images that step 2 clustered, with what it compared: embeddings and centroids."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmluss.checkpoints.files import read_centroids
from mmluss.clustering.labeled_images import training_images
from mmluss.datasets.label_folder import CENTROIDS, CLUSTERING, EMBEDDINGS, PIXEL_LABELS


@dataclass(frozen=True)
class ClusteredImages:
    """M images in the order in which they were clustered.

    Attributes:
        files: Their files.
        names: Their names, ``CATEGORY/NAME``.
        label_maps: Their label maps.
        embeddings: ``(M, C)`` float16 or float32, rows L2-normalized, a memory map.
        centroids: ``(K, C)`` float32.
    """

    files: list[str]
    names: list[str]
    label_maps: list[Path]
    embeddings: np.ndarray
    centroids: np.ndarray


def read_clustered_images(folder: str | Path) -> ClusteredImages:
    """What step 2 clustered.

    Args:
        folder: Its work folder, with the config that training left there.

    Raises:
        FileNotFoundError: If a file of the step is missing; the message names it.
        ValueError: If the data set has other images now.
    """
    folder = Path(folder)
    configs = sorted(folder.glob("*.py"))
    cfg = Config.fromfile(configs[-1]) if configs else Config()
    hook = cfg.get("default_hooks", {}).get("pseudo_labels", {})
    centroids, rows = folder / CENTROIDS, Path(hook.get("embedding_dir") or folder / CLUSTERING) / EMBEDDINGS
    missing = [str(file) for file in (centroids, rows) if not file.is_file()]
    missing += [] if configs else [f"{folder}/CONFIG.py"]
    if missing:
        raise FileNotFoundError(
            f"{', '.join(missing)}: not there, so images cannot be compared with centroids; for what their pixels say, "
            f"give {folder / PIXEL_LABELS}"
        )
    init_default_scope(cfg.get("default_scope", "mmseg"))
    loader = hook.get("dataloader") or training_images(cfg)
    # The files are not read, so nothing of the pipeline is needed.
    dataset = DATASETS.build(dict(loader["dataset"], pipeline=[], test_mode=True))
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    embeddings = np.load(rows, mmap_mode="r", allow_pickle=False)
    if len(embeddings) != len(infos):
        raise ValueError(f"{rows} has {len(embeddings)} rows, but {configs[-1]} reads {len(infos)} images now")
    names = [info["relative_path"] for info in infos]
    return ClusteredImages(
        files=[info["img_path"] for info in infos],
        names=names,
        label_maps=[folder / PIXEL_LABELS / f"{name}.png" for name in names],
        embeddings=embeddings,
        centroids=read_centroids(centroids).numpy(),
    )
