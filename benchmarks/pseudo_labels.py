# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Images per second of embedding and labeling images, ours beside a loop over single images.

Both read the same JPEG files (random scenes in the sizes of ImageNet photos), resize them to a short side of 256, and
run the same network, untrained; the loop then resizes and writes each label map before it reads the next image.
``embeddings + labels`` is both together, as the clustering between them needs both: each image is decoded and sent
through the network twice, except where ours does better. The limit is reading and resizing the images and sending them
through the backbone in our batches: once for embeddings and for labels, and once for both together. All take turns.

    python benchmarks/pseudo_labels.py --images 128 --threads 2 --json pseudo_labels.json
    python benchmarks/pseudo_labels.py --depth 50 --categories 919 --device cuda --workers 8 --batch-size 32
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from side_by_side import add_json_option, figures_row, report, seconds_of, take_turns
from torch import nn

import mmluss  # noqa: F401
from mmluss.clustering.embeddings import extract_embeddings
from mmluss.clustering.image_batches import (
    batches_of_equal_shape,
    center_crop,
    consecutive_batches,
    image_sizes,
    load_batches,
    normalized_parts,
)
from mmluss.clustering.label_writing import label_path, write_pixel_labels
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.datasets.imagenets import ImageNetSDataset
from mmluss.datasets.label_codec import write_label_map
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels

SIZES = ((500, 375), (500, 375), (500, 333), (375, 500), (400, 300), (500, 400))
PIPELINE = [
    dict(type="LoadImageFromFile"),
    dict(type="mmpretrain.ResizeEdge", scale=256, edge="short", backend="pillow", interpolation="bilinear"),
    dict(type="PackSegInputs"),
]
CROP = 224


def write_photos(root: Path, count: int) -> None:
    """Smooth random scenes as JPEG files of about the weight of photos."""
    rng = np.random.default_rng(0)
    folder = root / "train" / "scene"
    folder.mkdir(parents=True)
    for index in range(count):
        width, height = SIZES[index % len(SIZES)]
        scene = cv2.resize(rng.integers(0, 255, (24, 32, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
        scene = cv2.add(scene, rng.integers(0, 24, scene.shape, np.uint8))
        cv2.imwrite(str(folder / f"{index:06d}.jpg"), scene, [cv2.IMWRITE_JPEG_QUALITY, 92])


def network(depth: int, clusters: int, device: str) -> nn.Module:
    """An untrained pixel-attention model with random centroids."""
    model = MODELS.build(
        dict(
            type="PixelAttentionSegmentor",
            data_preprocessor=dict(
                type="SegDataPreProcessor", mean=[123.7, 116.3, 103.5], std=[58.4, 57.1, 57.4], bgr_to_rgb=True
            ),
            backbone=dict(type="ResNet", depth=depth, norm_cfg=dict(type="BN")),
            hidden_channels=512,
            embedding_dim=128,
            num_prototypes=500,
        )
    )
    model.decode_head.set_centroids(torch.randn(clusters, model.decode_head.centroids.shape[1]), 0.5)
    return model.to(device).eval()


@torch.no_grad()
def loop_embeddings(model: nn.Module, dataset: ImageNetSDataset) -> np.ndarray:
    """Embeddings, one image after another."""
    rows = []
    for index in range(len(dataset)):
        image = center_crop(dataset[index]["inputs"], CROP)
        inputs = model.data_preprocessor(dict(inputs=[image]), False)["inputs"]
        rows.append(model.image_embeddings(inputs)[0].cpu().numpy())
    return np.stack(rows)


@torch.no_grad()
def loop_labels(model: nn.Module, dataset: ImageNetSDataset, folder: Path) -> None:
    """Label maps, one image after another."""
    for index in range(len(dataset)):
        sample = dataset[index]
        inputs = model.data_preprocessor(dict(inputs=[sample["inputs"]]), False)["inputs"]
        cluster, score = (output[0] for output in model.pixel_scores(inputs))
        label, _ = resize_pixel_labels(cluster, score, sample["data_samples"].ori_shape, 0.5)
        write_label_map(label_path(dataset, index, folder), label.cpu().numpy())


@torch.no_grad()
def network_alone(model: nn.Module, dataset: ImageNetSDataset, batches: list[list[int]], crop: int | None) -> None:
    """Loading and the backbone, on whole images or on crops."""
    for data in load_batches(dataset, batches, 0):
        for inputs, _ in normalized_parts(model, data, crop):
            model.extract_feat(inputs)


def measure(args: argparse.Namespace, root: Path) -> list[dict]:
    """Rows of the table, and how many label files of both sides are the same."""
    dataset = ImageNetSDataset(data_root=str(root), pipeline=PIPELINE, test_mode=True)
    model = network(args.depth, args.categories, args.device)
    loop_embeddings(model, torch.utils.data.Subset(dataset, range(min(2, args.images))))
    settings = PseudoLabelSettings(
        args.categories, crop_size=CROP, batch_size=args.batch_size, num_workers=args.workers, writers=args.writers
    )
    sizes = image_sizes(dataset)
    whole = batches_of_equal_shape(sizes, args.batch_size)
    # Each round in folders of its own: what is there already is not made again.
    numbers = iter(range(10**6))

    def our_embeddings() -> None:
        extract_embeddings(model, dataset, root / f"embeddings_{next(numbers)}", "key", settings)

    def our_labels() -> None:
        write_pixel_labels(model, dataset, image_sizes(dataset), root / f"ours_{next(numbers)}", 0.5, settings)

    works: dict[str, dict[str, list[Callable[[], object]]]] = {
        "embeddings": dict(
            ours=[our_embeddings],
            peer=[partial(loop_embeddings, model, dataset)],
            limit=[partial(network_alone, model, dataset, consecutive_batches(args.images, args.batch_size), CROP)],
        ),
        "label maps": dict(
            ours=[our_labels],
            peer=[partial(loop_labels, model, dataset, root / "loop")],
            limit=[partial(network_alone, model, dataset, whole, None)],
        ),
    }
    works["embeddings + labels"] = {
        side: works["embeddings"][side] + works["label maps"][side] for side in ("ours", "peer")
    } | dict(limit=works["label maps"]["limit"])
    rows = []
    for name, sides in works.items():
        runs = {
            side: lambda parts=parts: args.images / seconds_of(lambda: [part() for part in parts])
            for side, parts in sides.items()
        }
        found = take_turns(runs, args.rounds, max)
        rows.append(
            figures_row(name, "images/s", **found, peer_is="loop over images", limit_is="reading and backbone alone")
        )
    ours = next(root.glob("ours_*"))
    same = [path.read_bytes() == (ours / path.relative_to(root / "loop")).read_bytes() for path in loop_files(root)]
    print(f"{np.mean(same):.1%} of the label files are the same byte by byte")
    return rows


def loop_files(root: Path) -> list[Path]:
    return sorted((root / "loop").rglob("*.png"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--depth", type=int, default=18, help="of the ResNet")
    parser.add_argument("--categories", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0, help="loading processes of ours")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=2, help="the fastest one counts")
    add_json_option(parser)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    init_default_scope("mmseg")
    with tempfile.TemporaryDirectory() as folder:
        write_photos(Path(folder), args.images)
        rows = measure(args, Path(folder))
    report(rows, f"{args.images} images, ResNet-{args.depth}, {args.device}", args.json)


if __name__ == "__main__":
    main()
