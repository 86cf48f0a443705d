# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""How far plain k-means gets on a data set: on pooled EfficientNet-Lite0 features and on mean color.

The mini data set is meant to give at least 0.9 and less than 0.3 cluster accuracy. Any folder with category folders in
``train`` will do.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from mmpretrain.models import TIMMBackbone
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmluss.checkpoints.efficientnet_lite0 import (
    EFFICIENTNET_LITE0_MEAN,
    EFFICIENTNET_LITE0_STD,
    efficientnet_lite0_to_timm,
    installed_efficientnet_lite0,
)
from mmluss.clustering.cluster_agreement import matched_accuracy, normalized_mutual_information
from mmluss.clustering.kmeans import kmeans, normalize_rows
from mmluss.datasets.transforms.antialiased_resize import resize_antialiased


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path, nargs="?", default=Path("data/mini_imagenets"))
    parser.add_argument("--short-side", type=int, default=160, help="images are brought to this short side")
    parser.add_argument("--restarts", type=int, default=30, help="random starts of k-means")
    args = parser.parse_args()
    paths = sorted((args.data_root / "train").glob("*/*"))
    if not paths:
        raise FileNotFoundError(f"no category folders with images in {args.data_root / 'train'}")
    names = sorted({path.parent.name for path in paths})
    categories = np.array([names.index(path.parent.name) for path in paths])

    backbone = TIMMBackbone(model_name="tf_efficientnet_lite0", features_only=True)
    weights = torch.load(installed_efficientnet_lite0(), weights_only=True)
    backbone.load_state_dict(efficientnet_lite0_to_timm(weights))
    backbone.eval()
    features, colors = [], []
    for path in track(paths, "features"):
        image = read_image(path, args.short_side)
        features.append(pooled_features(backbone, image))
        colors.append(image.mean(axis=(0, 1), dtype=np.float32))

    table = Table("k-means on", "cluster accuracy", "NMI", title=f"{len(paths)} images, {len(names)} categories")
    for label, rows in {
        "pooled features": normalize_rows(np.stack(features)),
        "mean color": np.stack(colors),
    }.items():
        clusters = kmeans(rows, len(names), restarts=args.restarts).assignments
        scores = (matched_accuracy(clusters, categories), normalized_mutual_information(clusters, categories))
        table.add_row(label, *(f"{score:.3f}" for score in scores))
    Console().print(table)


def read_image(path: Path, short_side: int) -> np.ndarray:
    """Image with a given short side, (H, W, 3) uint8 RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: unreadable image")
    scale = short_side / min(image.shape[:2])
    size = (round(image.shape[0] * scale), round(image.shape[1] * scale))
    return cv2.cvtColor(resize_antialiased(image, size), cv2.COLOR_BGR2RGB)


@torch.no_grad()
def pooled_features(backbone: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    """Mean over positions of the last map, (C,) float32."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (EFFICIENTNET_LITE0_MEAN, EFFICIENTNET_LITE0_STD))
    return backbone((pixels - mean) / std)[-1].mean(dim=(2, 3))[0].numpy()


if __name__ == "__main__":
    main()
