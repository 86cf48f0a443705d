# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Each option of sharp pixel labels alone, all together, and all but one: scores on validation images, and seconds.

    python benchmarks/sharp_options.py OUT/2_pixel_attention --num-clusters 15 --json sharp_options.json

takes config and last checkpoint of a published pipeline's step 2.1. Nothing is trained: images are clustered, the
threshold is chosen on validation images (before refinement, as ``threshold="val"`` does) and these are labeled and
scored, as steps 2.2 to 2.4 do.
"""

import argparse
import copy
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import DATASETS, METRICS, MODELS
from rich.console import Console
from rich.table import Table

import mmluss  # noqa: F401
from mmluss.apis.steps.training_folder import last_checkpoint
from mmluss.clustering.embeddings import extract_embeddings
from mmluss.clustering.image_batches import image_sizes
from mmluss.clustering.kmeans import kmeans
from mmluss.clustering.labeled_images import labeled_dataset, training_images
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.clustering.spectral import spectral_clusters
from mmluss.clustering.thresholds import find_threshold

HEAD = {
    "relative scores": dict(foreground="relative"),
    "pooled by the foreground": dict(pooling="foreground"),
    "evidence of the image": dict(image_evidence=1.0),
}
SHORT_SIDE = 224
"""Of images shown larger, in pixels; ``configs/pass`` shows small sets at 192."""
OPTIONS = (*HEAD, "larger images", "GrabCut", "spectral clusters")
SCORES = ("mIoU", "mBIoU", "FMeasure", "Acc")


def combinations() -> dict[str, tuple[str, ...]]:
    """Options by the name of the row."""
    rows: dict[str, tuple[str, ...]] = {"as published": ()}
    rows |= {option: (option,) for option in OPTIONS}
    rows["all"] = OPTIONS
    return rows | {f"all but {left}": tuple(option for option in OPTIONS if option != left) for left in OPTIONS}


def build_model(cfg: Config, checkpoint: Path, options: tuple[str, ...]) -> torch.nn.Module:
    """The trained model with these options, in eval mode and without centroids."""
    model = cfg.model.copy()
    model.pretrained = model.backbone.init_cfg = None
    model.decode_head = {k: v for option in options if option in HEAD for k, v in HEAD[option].items()}
    model.test_cfg = dict(refine=dict(type="GrabCut") if "GrabCut" in options else None)
    built = MODELS.build(model)
    load_checkpoint(built, str(checkpoint), map_location="cpu", logger="silent")
    return built.eval()


def measure(cfg: Config, checkpoint: Path, options: tuple[str, ...], num_clusters: int, folder: Path) -> dict[str, Any]:
    """Scores in percent, seconds of clustering and of the threshold, milliseconds of a label map."""
    clustering = "spectral" if "spectral clusters" in options else "kmeans"
    crop_size = cfg.default_hooks.pseudo_labels.get("crop_size", 224)
    if "larger images" in options:
        crop_size, cfg = SHORT_SIDE, copy.deepcopy(cfg)
        for transform in cfg.test_dataloader.dataset.pipeline:
            if "ResizeEdge" in transform["type"]:
                transform.scale = SHORT_SIDE
    settings = PseudoLabelSettings(num_clusters, crop_size=crop_size, clustering=clustering, num_workers=2)
    model = build_model(cfg, checkpoint, options)
    images = labeled_dataset(training_images(cfg)["dataset"])
    validation = DATASETS.build(cfg.test_dataloader.dataset)
    pooling = "foreground" if "pooled by the foreground" in options else "attention"
    # Rows are shared by options that leave them as they are.
    rows = extract_embeddings(model, images, folder / f"{pooling}_{crop_size}", pooling, settings)
    start = time.perf_counter()
    found = spectral_clusters(rows, num_clusters) if clustering == "spectral" else kmeans(rows, num_clusters)
    seconds = time.perf_counter() - start
    model.decode_head.set_centroids(torch.from_numpy(found.centroids), 0.0)
    threshold = find_threshold(model, images, image_sizes(images), settings, validation)["value"]
    model.decode_head.threshold.fill_(threshold)
    metric = METRICS.build(dict(type="LUSSMetric", num_clusters=num_clusters))
    metric.dataset_meta = validation.metainfo
    start = time.perf_counter()
    for index in range(len(validation)):
        [sample] = model.test_step(pseudo_collate([validation[index]]))
        metric.process({}, [sample.to_dict()])
    milliseconds = 1000 * (time.perf_counter() - start) / len(validation)
    scores = metric.evaluate(len(validation))
    return {name: scores[name] for name in SCORES} | dict(
        threshold=threshold, clustering_seconds=seconds, label_ms=milliseconds
    )


def main() -> None:
    """Measure all rows and show them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="work folder of step 2.1, with config.py and a last checkpoint")
    parser.add_argument("--num-clusters", type=int, required=True, help="clusters to make")
    parser.add_argument("--rows", nargs="+", choices=combinations(), default=list(combinations()))
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    cfg = Config.fromfile(args.folder / "config.py")
    init_default_scope("mmseg")
    torch.manual_seed(0)
    figures = {}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for row in args.rows:
            options = combinations()[row]
            figures[row] = measure(cfg, last_checkpoint(args.folder), options, args.num_clusters, Path(folder))
    table = Table("pixel labels", *SCORES, "threshold", "clustering, s", "a label map, ms")
    for row, values in figures.items():
        shown = [f"{values[name]:.1f}" for name in SCORES]
        shown += [f"{values['threshold']:.2f}", f"{values['clustering_seconds']:.1f}", f"{values['label_ms']:.0f}"]
        table.add_row(row, *shown)
    Console().print(table)
    if args.json:
        args.json.write_text(
            json.dumps({row: {k: float(np.round(v, 3)) for k, v in f.items()} for row, f in figures.items()}, indent=1)
        )


if __name__ == "__main__":
    main()
