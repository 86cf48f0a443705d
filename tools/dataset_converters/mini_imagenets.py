# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Write a small data set in the layout of ImageNet-S: patterned objects before blurred photos, with exact masks.

Nothing is downloaded; the photos come out of the installed scikit-image and scikit-learn. The same settings give the
same files. Where the folder already holds a data set of these settings, nothing is done.
"""

import argparse
import functools
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

import cv2
import numpy as np
from mmengine.logging import MMLogger
from rich.progress import track

from mmluss.datasets.label_codec import write_label_map
from mmluss.datasets.synthetic.scenes import CATEGORIES, load_photos, render_scene
from mmluss.utils.atomic_files import replace_by, write_json

SETTINGS_FILE = "mini_imagenets.json"
# Raised whenever the same settings draw other pictures than before.
RECIPE = 1
_SPLITS = ("train", "validation")
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class Settings:
    """What decides on every byte of the data set; counts are images per category."""

    seed: int
    train: int
    train_semi: int
    validation: int
    recipe: int = RECIPE


@dataclass(frozen=True)
class Scene:
    """One image to write: split, category id 1..N, number within split and category."""

    split: str
    category: int
    number: int


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path("data/mini_imagenets"), help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, default=112, help="training images per category; default: %(default)s")
    parser.add_argument("--train-semi", type=int, default=10, help="of these, with masks; default: %(default)s")
    parser.add_argument(
        "--validation", type=int, default=14, help="validation images per category; default: %(default)s"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="threads; default: %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="replace a data set of other settings")
    args = parser.parse_args()
    if min(args.train, args.validation, args.workers) < 1 or not 0 <= args.train_semi <= args.train or args.seed < 0:
        parser.error("--train, --validation and --workers are at least 1, --train-semi is 0..train, --seed at least 0")
    return args


def draw(scene: Scene, settings: Settings, root: Path) -> None:
    """Write one scene's image and, where its split has them, its masks."""
    rng = np.random.default_rng([settings.seed, _SPLITS.index(scene.split), scene.category, scene.number])
    image, ids = render_scene(scene.category, rng)
    category = CATEGORIES[scene.category - 1]
    name = f"{category}_{scene.split}_{scene.number:05d}"
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    splits = [scene.split]
    if scene.split == "train" and scene.number <= settings.train_semi:
        splits.append("train-semi")
    for split in splits:
        path = root / split / category / f"{name}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
        if split != "train":
            write_label_map(root / f"{split}-segmentation" / category / f"{name}.png", ids)


def write_dataset(root: Path, settings: Settings, workers: int) -> int:
    """Write all scenes into ``root``; returns their number."""
    counts = {"train": settings.train, "validation": settings.validation}
    scenes = [
        Scene(split, category, number)
        for split in _SPLITS
        for category in range(1, len(CATEGORIES) + 1)
        for number in range(1, counts[split] + 1)
    ]
    load_photos()
    cv2.setNumThreads(0)
    # OpenCV and numpy leave the interpreter's lock while they work, so threads do without the imports of processes.
    with ThreadPool(workers) as pool:
        task = functools.partial(draw, settings=settings, root=root)
        for _ in track(pool.imap_unordered(task, scenes), "drawing", total=len(scenes)):
            pass
    write_json(root / SETTINGS_FILE, {**asdict(settings), "categories": CATEGORIES})
    return len(scenes)


def main() -> None:
    args = parse_args()
    logger = MMLogger.get_instance("mmluss")
    settings = Settings(args.seed, args.train, args.train_semi, args.validation)
    if holds(args.out, settings):
        logger.info(f"{args.out} already holds this data set")
        return
    if args.out.exists():
        if not (args.out / SETTINGS_FILE).is_file():
            raise FileExistsError(f"{args.out} exists and is not a mini data set ({SETTINGS_FILE} is not in it)")
        if not args.overwrite:
            raise FileExistsError(f"{args.out} holds a mini data set of other settings: pass --overwrite to replace it")
    start = time.monotonic()
    total = 0

    def write(folder: Path) -> None:
        nonlocal total
        total = write_dataset(folder, settings, args.workers)
        shutil.rmtree(args.out, ignore_errors=True)

    replace_by(args.out, write)
    seconds = time.monotonic() - start
    logger.info(f"wrote {total} images of {len(CATEGORIES)} categories to {args.out} in {seconds:.0f} s")


def holds(root: Path, settings: Settings) -> bool:
    """Whether a folder holds the data set of these settings."""
    try:
        found = json.loads((root / SETTINGS_FILE).read_text())
    except (OSError, ValueError):
        return False
    return found == {**asdict(settings), "categories": list(CATEGORIES)}


if __name__ == "__main__":
    main()
