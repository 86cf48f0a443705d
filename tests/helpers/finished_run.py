# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The folder of a finished discovery without the training: a narrow network with random weights outlined the photos."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from mmluss.apis.discovery.run_results import finish_run
from mmluss.apis.results.run_folder import RunFolder
from tests.helpers.tiny_models import CLUSTERS

PHOTOS = ("a.jpg", "trip/b 1.jpg", "trip/c.png", "trip/far/d.jpg")
STEPS = dict(pretrain="1_pretrain", pixel_attention="2_pixel_attention", labels="4_labels_4", finetune="5_finetune_4")


def write_photos(root: Path) -> None:
    """Four pieces of real photos in two sizes."""
    image = data.chelsea()
    for index, name in enumerate(PHOTOS):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        piece = image[20 * index : 20 * index + 160, 50 * index : 50 * index + (200 if index % 2 else 160)]
        cv2.imwrite(str(root / name), piece[..., ::-1])


def write_finished_run(photos: Path, out: Path, checkpoint: Path) -> RunFolder:
    """Write what the steps leave, then finish the run.

    Args:
        photos: Folder that ``write_photos`` wrote.
        out: Folder of results.
        checkpoint: Final checkpoint of ``CLUSTERS`` clusters.
    """
    work, rng = out / "work", np.random.default_rng(0)
    for name in STEPS.values():
        (work / name).mkdir(parents=True)
    (work / "photos.txt").write_text("\n".join(PHOTOS) + "\n")
    (out / "skipped.csv").write_text("path,reason\nbroken.jpg,an empty file\n")
    shutil.copy(checkpoint, work / STEPS["finetune"] / "epoch_1.pth")
    (work / STEPS["finetune"] / "last_checkpoint").write_text("epoch_1.pth")
    (work / "embeddings").mkdir()
    rows = rng.normal(size=(len(PHOTOS), 8)).astype(np.float32)
    np.save(work / "embeddings" / "embeddings.npy", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    np.save(work / STEPS["labels"] / "centroids.npy", rng.normal(size=(CLUSTERS, 8)).astype(np.float32))
    (work / STEPS["labels"] / "pixel_labels").mkdir()
    (work / STEPS["labels"] / "pixel_labels" / "manifest.json").write_text(json.dumps(dict(threshold=dict(value=0.5))))
    run = dict(
        photos=str(photos),
        num_photos=len(PHOTOS),
        num_skipped=1,
        num_clusters=CLUSTERS,
        settings=dict(clusters=CLUSTERS, threshold=0.5),
        start="random weights",
        steps=STEPS,
        seconds={},
    )
    (out / "run.json").write_text(json.dumps(run))
    folder = RunFolder(out)
    finish_run(folder)
    return folder
