# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The page of a pipeline run: what its clusters look like and, where there are masks, how they fit the categories."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from mmluss.apis.results.clustered_images import read_clustered_images
from mmluss.apis.results.photo_table import make_photo_table
from mmluss.apis.results.run_report import PhotoPictures, report_facts, threshold_facts, training_losses
from mmluss.apis.steps.step_names import FINETUNE, PIXEL_ATTENTION, PRETRAIN, TEST, round_name
from mmluss.apis.steps.training_folder import last_checkpoint
from mmluss.checkpoints.files import read_checkpoint
from mmluss.datasets.categories import cluster_names
from mmluss.datasets.label_folder import read_label_manifest
from mmluss.datasets.transforms.loading import read_stored_image
from mmluss.evaluation.scores import SCORES_FILE
from mmluss.utils.atomic_files import read_json
from mmluss.visualization.report import write_report

MOST_IMAGES = 4000
"""Images that are looked at; of more, a sample."""


def write_pipeline_report(work_dir: str | Path, report: dict[str, Any], seed: int = 0) -> Path:
    """Write ``WORK_DIR/report/index.html``.

    Args:
        work_dir: Work folder of a finished ``PASSPipeline``.
        report: What its ``run`` returned.
        seed: Seed of the choice of images, where there are more than ``MOST_IMAGES``.

    Raises:
        FileNotFoundError: If a step's results are gone.
    """
    work_dir = Path(work_dir)
    rounds = report.get("rounds", 1)
    curves = {"step 1": PRETRAIN, "step 2.1": PIXEL_ATTENTION, "step 3": FINETUNE}
    curves |= {f"step 3, round {number}": round_name(FINETUNE, number) for number in range(2, rounds + 1)}
    labels = work_dir / PIXEL_ATTENTION
    images = read_clustered_images(labels)
    shown = np.arange(len(images.names))
    if len(shown) > MOST_IMAGES:
        shown = np.sort(np.random.default_rng(seed).choice(shown, MOST_IMAGES, replace=False))
    photos = [images.files[index] for index in shown]
    captions = [images.names[index] for index in shown]
    label_maps = [images.label_maps[index] for index in shown]
    centroids, embeddings = images.centroids, np.asarray(images.embeddings[shown])
    manifest = read_label_manifest(labels, ["settings", "threshold"])
    facts = report_facts(
        f"What is in {Path(report['data_root']).name}",
        _run(report, manifest, len(images.names), len(shown)),
        make_photo_table(embeddings, centroids, label_maps),
        embeddings,
        centroids,
        _names(work_dir / round_name(FINETUNE, rounds), len(centroids)),
        PhotoPictures(photos, label_maps, captions, len(centroids), read_stored_image),
        seed,
        losses=training_losses({title: work_dir / name for title, name in curves.items()}),
        **threshold_facts(manifest),
        **_scores(work_dir / round_name(TEST, rounds) / SCORES_FILE, len(centroids)),
    )
    return write_report(facts, work_dir / "report" / "index.html")


def _run(report: dict[str, Any], manifest: dict[str, Any], images: int, shown: int) -> dict[str, str]:
    seconds = sum(step["seconds"] for step in report["steps"])
    threshold = manifest["threshold"]["value"], manifest["settings"]["threshold"]
    facts = {
        "images": f"{images} in {report['data_root']}",
        "clusters": str(manifest["settings"]["num_clusters"]),
        "threshold": "{:.3f} ({})".format(*threshold),
        "time": f"{seconds / 60:.1f} minutes",
    }
    if shown < images:
        facts["looked at"] = f"a sample of {shown} images; numbers of photos are of the sample"
    if report["protocol"]:
        facts["protocol"] = report["protocol"]
    return facts | {f"mIoU, {row}": f"{miou:.2f}" for row, miou in report["miou"].items()}


def _names(finetuned: Path, num_clusters: int) -> tuple[str, ...]:
    """Names of the final model's clusters: of the matched categories, where a test has matched them."""
    meta = read_checkpoint(last_checkpoint(finetuned)).get("meta", {}).get("dataset_meta") or {}
    names = tuple(meta.get("classes", ()))
    return names if len(names) == num_clusters + 1 else cluster_names(num_clusters)


def _scores(path: Path, num_clusters: int) -> dict[str, Any]:
    """Scores, confusion and categories of a test; empty where there was none."""
    if not path.is_file():
        return {}
    content = read_json(path, ["scores", "classes", "shared_pixels"])
    # What no image was there for is no number.
    scores = {name: score for name, score in content["scores"].items() if score is not None and math.isfinite(score)}
    categories = content["classes"]["name"][1:]
    shared = content["shared_pixels"]
    confusion = np.zeros((num_clusters, len(categories)))
    confusion[np.array(shared["predicted"], int) - 1, np.array(shared["category"], int) - 1] = shared["pixels"]
    return dict(scores=scores, confusion=confusion, categories=categories)
