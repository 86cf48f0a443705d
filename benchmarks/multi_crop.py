# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Milliseconds per image and core of the crop pipeline, beside the same crops by Pillow and torchvision.

Both sides are given JPEG files and end with uint8 tensors (3, size, size); decoding is included. They take turns on the
same images in one process with one thread, and processor time is counted, so a busy machine disturbs both alike. The
limit is decoding alone, as we do it. With colors on the GPU (``BatchColorDistortion``) the crops are left as they are.

    python benchmarks/multi_crop.py FOLDER --images 60 --json multi_crop.json
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from PIL import Image, ImageFilter
from rich.progress import track
from side_by_side import add_json_option, figures_row, report
from torchvision import transforms

import mmluss  # noqa: F401

GROUPS = {
    "2 x 224": [dict(size=224, number=2, scale=(0.14, 1.0))],
    "2 x 224 + 6 x 96": [dict(size=224, number=2, scale=(0.14, 1.0)), dict(size=96, number=6, scale=(0.05, 0.14))],
}
Pipeline = Callable[[Path], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="folder of JPEG files (default: one made 500x375 photo)")
    parser.add_argument("--images", type=int, default=100, help="images to take from the folder")
    parser.add_argument("--rounds", type=int, default=5, help="passes over the images; the fastest one counts")
    add_json_option(parser)
    args = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        if args.folder is None:
            paths = [write_photo(Path(temporary) / "photo.jpg")] * args.images
        else:
            paths = sorted(path for path in args.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
            paths = paths[: args.images]
        if not paths:
            raise FileNotFoundError(f"no JPEG files in {args.folder}")
        images = "drawn, 500 x 375" if args.folder is None else f"{len(paths)} photos of a folder"
        load_ours, load_pillow = time_pipelines([our_decoding(), pillow_image], paths, args.rounds, "decoding")
        rows = [figures_row("decoding alone", "ms", load_ours, load_pillow, peer_is="Pillow", images=images)]
        for name, groups in GROUPS.items():
            # Decoding once more: a limit of another moment says nothing on a busy machine.
            pipelines = [our_pipeline(groups), our_pipeline(groups, []), pillow_pipeline(groups), our_decoding()]
            ours, colorless, pillow, decoding = time_pipelines(pipelines, paths, args.rounds, name)
            names = dict(peer_is="Pillow + torchvision", limit_is="decoding alone", images=images)
            rows.append(figures_row(name, "ms", ours, pillow, decoding, **names))
            rows.append(figures_row(f"{name}, colors on the GPU", "ms", colorless, pillow, decoding, **names))
    report(rows, f"ms per image and core, {images}", args.json)


def write_photo(path: Path) -> Path:
    """A 500x375 JPEG with detail at all scales, of about the bytes of an ImageNet photo."""
    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(rng.normal(0, 1, (375 // step + 1, 500 // step + 1, 3)), (500, 375)) * step**0.7
        for step in (1, 3, 10, 30, 100)
    ]
    image = np.clip(128 + 4 * sum(layers), 0, 255).astype(np.uint8)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return path


def our_decoding() -> Pipeline:
    load = Compose([dict(type="LoadImageFromFile")])
    return lambda path: load({"img_path": str(path)})


def our_pipeline(groups: list[dict], crop_transforms: Sequence[dict] = (dict(type="ColorDistortion"),)) -> Pipeline:
    crops = dict(type="mmseg.MultiCrop", groups=groups, crop_transforms=crop_transforms)
    run = Compose([dict(type="LoadImageFromFile"), crops, dict(type="mmseg.PackMultiCrops")])
    return lambda path: run({"img_path": str(path)})


def pillow_image(path: Path) -> Image.Image:
    with Image.open(path) as file:
        return file.convert("RGB")


def pillow_pipeline(groups: list[dict]) -> Pipeline:
    """The same crops in the usual way: torchvision's transforms on Pillow images."""

    def blur(image: Image.Image) -> Image.Image:
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2))) if random.random() < 0.5 else image

    crops = [
        transforms.Compose(
            [
                transforms.RandomResizedCrop(group["size"], scale=group["scale"]),
                transforms.RandomHorizontalFlip(),
                transforms.RandomApply([transforms.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
                transforms.RandomGrayscale(0.2),
                blur,
                transforms.PILToTensor(),
            ]
        )
        for group in groups
        for _ in range(group["number"])
    ]

    def run(path: Path) -> list[torch.Tensor]:
        image = pillow_image(path)
        return [crop(image) for crop in crops]

    return run


def time_pipelines(pipelines: list[Pipeline], paths: list[Path], rounds: int, name: str) -> list[float]:
    """Milliseconds of processor time per image of each pipeline, in its fastest round."""
    best = [float("inf")] * len(pipelines)
    for number in track(range(rounds), name):
        for place, pipeline in enumerate(pipelines):
            random.seed(number)
            np.random.seed(number)
            torch.manual_seed(number)
            start = time.process_time()
            for path in paths:
                pipeline(path)
            best[place] = min(best[place], (time.process_time() - start) / len(paths) * 1e3)
    return best


if __name__ == "__main__":
    main()
