# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Pixel labels of one trained model, outlined in different ways: scores and milliseconds an image.

    python benchmarks/outlines.py OUT/2_pixel_attention --data-root data/mini_imagenets --json outlines.json

takes config and ``pixel_labels.pth`` of a pipeline's step 2 and the validation images. Every way is given the same
clusters, foreground scores and photos (at GrabCut's working size), and its best threshold on these very images, so
all rows are equally optimistic. Time is that of the processor, without network and decoding, one thread.

Beside GrabCut, which the package has: a guided filter (He et al., 2013) and a bilateral filter of the score, random
walker (Grady, 2006; scikit-image) from the same sure areas as GrabCut, and pixel-adaptive refinement (PAMR; Araslanov
and Roth, 2020), here in plain NumPy and PyTorch after the papers.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import DATASETS, MODELS
from rich.console import Console
from rich.progress import track
from rich.table import Table
from skimage.segmentation import random_walker

import mmluss  # noqa: F401
from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.evaluation.evaluation import Evaluation
from mmluss.models.grabcut import GrabCut, denormalized_photo, grabcut_areas

SHORT_SIDE = 160
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
Filter = Callable[[np.ndarray, np.ndarray], np.ndarray]
Refinement = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def no_filter(photo: np.ndarray, score: np.ndarray) -> np.ndarray:
    """The score (H, W) float32 as it is; the photo (H, W, 3) uint8 plays no part."""
    return score


def grabcut_refinement(photo: np.ndarray, score: np.ndarray, threshold: float) -> np.ndarray:
    """What the package does."""
    return GrabCut(SHORT_SIDE)(photo, score, threshold, score.shape)


def guided_filter(photo: np.ndarray, score: np.ndarray) -> np.ndarray:
    """The score as a linear function of gray in each window, He et al. (2013), equations 5 to 8."""
    radius, regularization = 8, 1e-3
    guide = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, (2 * radius + 1, 2 * radius + 1))

    slope = (mean(guide * score) - mean(guide) * mean(score)) / (
        mean(guide * guide) - mean(guide) ** 2 + regularization
    )
    offset = mean(score) - slope * mean(guide)
    return mean(slope) * guide + mean(offset)


def bilateral_filter(photo: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Mean score of the pixels around that look alike (a joint bilateral filter)."""
    return _adapted(photo, score, dilations=(1, 2, 4, 8), rounds=1, spread=0.1)


def pixel_adaptive_refinement(photo: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Ten rounds of local averages by affinity in color."""
    return _adapted(photo, score, dilations=(1, 2, 4, 8, 12, 24), rounds=10, spread=None)


def _adapted(
    photo: np.ndarray, score: np.ndarray, dilations: tuple[int, ...], rounds: int, spread: float | None
) -> np.ndarray:
    """Scores averaged over eight neighbors at each distance; ``spread`` of colors, None for that of each window."""
    colors = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    around = torch.stack([_neighbors(colors, dilation) for dilation in dilations], dim=2).flatten(2, 3)
    difference = (around - colors[:, :, None]).abs()
    if spread is None:
        affinity = -difference / (1e-8 + 0.1 * around.std(dim=2, keepdim=True))
    else:
        affinity = -((difference / spread) ** 2)
    weights = affinity.mean(dim=1).softmax(dim=1)
    values = torch.from_numpy(score)[None, None]
    for _ in range(rounds):
        shifted = torch.stack([_neighbors(values, dilation) for dilation in dilations], dim=2).flatten(2, 3)
        values = (shifted[:, 0] * weights).sum(dim=1, keepdim=True)
    return values[0, 0].numpy()


def _neighbors(maps: torch.Tensor, dilation: int) -> torch.Tensor:
    """The nine positions of a dilated window around each position of (1, C, H, W): (1, C, 9, H, W)."""
    padded = F.pad(maps, [dilation] * 4, mode="replicate")
    height, width = maps.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij")
    return torch.stack(
        [
            padded[..., dilation * row : dilation * row + height, dilation * column : dilation * column + width]
            for row, column in zip(rows.ravel().tolist(), columns.ravel().tolist(), strict=True)
        ],
        dim=2,
    )


def random_walker_refinement(photo: np.ndarray, score: np.ndarray, threshold: float) -> np.ndarray:
    """Probabilities of reaching GrabCut's sure foreground first."""
    areas = grabcut_areas(score, threshold, 0.7, 0.3)
    seeds = np.select([areas == cv2.GC_FGD, areas == cv2.GC_BGD], [1, 2], 0)
    if not {1, 2} <= set(np.unique(seeds)):
        return score >= threshold
    return random_walker(photo, seeds, beta=1000, mode="cg_j", tol=1e-2, channel_axis=-1) == 1


FILTERS: dict[str, Filter] = {
    "threshold alone": no_filter,
    "guided filter": guided_filter,
    "bilateral filter": bilateral_filter,
    "PAMR": pixel_adaptive_refinement,
}
REFINEMENTS: dict[str, Refinement] = {"GrabCut": grabcut_refinement, "random walker": random_walker_refinement}


@torch.no_grad()
def predictions(folder: Path, data_root: str) -> tuple[list[dict], int]:
    """Photo, score, clusters and truth of each validation image; and the number of clusters."""
    cfg = Config.fromfile(folder / "config.py")
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, str(folder / "pixel_labels.pth"))
    dataset_cfg = cfg.default_hooks.pseudo_labels.get("validation") or cfg.test_dataloader.dataset
    dataset = DATASETS.build(dict(dataset_cfg, data_root=data_root))
    found = []
    for index in track(range(len(dataset)), "network"):
        data = model.data_preprocessor(pseudo_collate([dataset[index]]), False)
        [cluster], [score] = model.pixel_scores(data["inputs"])
        photo = denormalized_photo(data["inputs"][0], model.data_preprocessor)
        scale = min(1.0, SHORT_SIDE / min(photo.shape[:2]))
        size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
        truth = data["data_samples"][0].gt_sem_seg.data[0].numpy()
        found.append(
            dict(
                photo=cv2.resize(photo, size, interpolation=cv2.INTER_AREA),
                score=cv2.resize(score.numpy(), size, interpolation=cv2.INTER_LINEAR),
                cluster=cv2.resize(
                    cluster.numpy().astype(np.int32), truth.shape[::-1], interpolation=cv2.INTER_NEAREST
                ),
                truth=truth,
            )
        )
    return found, len(model.decode_head.centroids)


def scores_of(foregrounds: list[np.ndarray], images: list[dict], clusters: int) -> dict[str, float]:
    """Scores in percent of foregrounds (H, W) bool."""
    categories = max(int(image["truth"][image["truth"] < IGNORE_INDEX].max()) for image in images)
    evaluation = Evaluation(categories, num_clusters=clusters)
    counts = evaluation.new_counts()
    for foreground, image in zip(foregrounds, images, strict=True):
        size = image["truth"].shape[::-1]
        whole = cv2.resize(foreground.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5
        evaluation.update(counts, np.where(whole, image["cluster"], 0), image["truth"])
    return evaluation.result(counts).scores


def best_row(way: str, images: list[dict], clusters: int) -> dict[str, str | float]:
    """Scores at the best threshold, and milliseconds an image."""
    photos, scores = [image["photo"] for image in images], [image["score"] for image in images]
    begun, passes = time.process_time(), 1
    if way in FILTERS:
        filtered = [FILTERS[way](photo, score) for photo, score in zip(photos, scores, strict=True)]
        tried = {threshold: [score >= threshold for score in filtered] for threshold in THRESHOLDS}
    else:
        passes = len(THRESHOLDS)
        tried = {
            threshold: [REFINEMENTS[way](*one, threshold) for one in zip(photos, scores, strict=True)]
            for threshold in track(THRESHOLDS, way)
        }
    milliseconds = 1000 * (time.process_time() - begun) / (passes * len(images))
    found = {threshold: scores_of(foregrounds, images, clusters) for threshold, foregrounds in tried.items()}
    threshold = max(found, key=lambda one: found[one]["mIoU"])
    figures = {name: round(found[threshold][name], 1) for name in ("mIoU", "mBIoU", "FMeasure")}
    return dict(outlined_by=way, threshold=threshold, **figures, milliseconds=round(milliseconds, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a pipeline's 2_pixel_attention")
    parser.add_argument("--data-root", required=True, help="of the validation images and their masks")
    ways = [*FILTERS, *REFINEMENTS]
    parser.add_argument("--ways", nargs="+", default=ways, choices=ways)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    init_default_scope("mmseg")
    images, clusters = predictions(args.folder, args.data_root)
    table = Table("outlined by", "threshold", "mIoU", "boundary mIoU", "F-measure", "ms an image")
    rows = [best_row(way, images, clusters) for way in args.ways]
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
