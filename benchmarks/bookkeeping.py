# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a data set of millions of images costs before any pixel is looked at, in microseconds an image.

The set is simulated: hard links to a few small photos, in category folders. Each row has a straightforward peer and a
limit, measured beside it: listing the folders, asking for the state of each file, opening each file and reading its
first bytes. Figures are of the processor; where ours works in several threads, see those by the clock. Headers cost
more, so fewer of them are read (``--headers``).

    python benchmarks/bookkeeping.py --images 1200000 --json bookkeeping.json
"""

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from mmengine.registry import init_default_scope
from PIL import Image
from side_by_side import add_json_option, figures_row, report
from torchvision.datasets import ImageFolder

from mmluss.clustering.image_batches import image_sizes
from mmluss.datasets import ImageNetSDataset
from mmluss.utils.fingerprints import dataset_fingerprint, folder_fingerprint
from mmluss.utils.stage_record import read_arrays, write_arrays

LINKS_OF_A_PHOTO = 10_000
"""A file system allows no more than some tens of thousands of links to a file."""
FIRST_BYTES = 1024


def make_data(root: Path, images: int, categories: int) -> None:
    """Hard links ``train/CATEGORY/NAME.JPEG``."""
    rng = np.random.default_rng(0)
    for category in range(categories):
        (root / "train" / f"n{category:08d}").mkdir(parents=True)
    for index in range(images):
        photo = root / f"photo_{index // LINKS_OF_A_PHOTO}.JPEG"
        if index % LINKS_OF_A_PHOTO == 0:
            Image.fromarray(rng.integers(0, 255, (375, 500, 3), np.uint8)).save(photo)
        name = f"n{index % categories:08d}"
        os.link(photo, root / "train" / name / f"{name}_{index}.JPEG")


def all_files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root / "train"):
        for name in names:
            yield f"{folder}/{name}"


def hash_states(root: Path) -> str:
    """Names, sizes and times of all files, with ``pathlib``."""
    digest = hashlib.sha256()
    for path in sorted((root / "train").rglob("*.JPEG")):
        state = path.stat()
        digest.update(f"{path.relative_to(root)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def pillow_sizes(paths: list[str]) -> np.ndarray:
    sizes = []
    for path in paths:
        with Image.open(path) as image:
            sizes.append(image.size)
    return np.array(sizes)


def first_bytes(paths: list[str]) -> int:
    total = 0
    for path in paths:
        with open(path, "rb") as file:
            total += len(file.read(FIRST_BYTES))
    return total


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of a call; of all threads."""
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - start_cpu


def measure(root: Path, images: int, headers: int) -> list[dict]:
    """Rows of the table."""
    datasets: list[ImageNetSDataset] = []
    # What the system keeps of names and states is there for all rows, as after a first look at the data.
    paths = list(all_files(root))
    for path in paths:
        os.stat(path)
    states = (lambda: [os.stat(path) for path in paths], "state of each file")
    rows = [
        compare(
            "list of samples",
            images,
            ours=lambda: datasets.append(ImageNetSDataset(str(root), split="train")),
            peer=(lambda: ImageFolder(str(root / "train")), "torchvision ImageFolder"),
            limit=(lambda: list(all_files(root)), "names"),
        ),
        compare(
            "fingerprint of a folder",
            images,
            ours=lambda: folder_fingerprint(root / "train"),
            peer=(lambda: hash_states(root), "pathlib"),
            limit=states,
        ),
        compare("fingerprint of a data set", images, ours=lambda: dataset_fingerprint(datasets[0]), limit=states),
    ]
    some = ImageNetSDataset(str(root), split="train", indices=headers)
    names = [some.get_data_info(index)["img_path"] for index in range(headers)]
    stored = root / "sizes.npz"
    rows.append(
        compare(
            "sizes of images",
            headers,
            ours=lambda: write_arrays(stored, "key", sizes=image_sizes(some)),
            peer=(lambda: pillow_sizes(names), "Pillow"),
            limit=(lambda: first_bytes(names), "first bytes"),
        )
    )
    rows.append(compare("sizes of images, again", headers, ours=lambda: read_arrays(stored, "key")))
    return rows


def compare(
    work: str,
    images: int,
    ours: Callable[[], object],
    peer: tuple[Callable[[], object], str] | None = None,
    limit: tuple[Callable[[], object], str] | None = None,
) -> dict:
    """The row of a work; peer and limit with their names. Each is done once, since a second time is another work."""
    scale = 1e6 / images
    wall, cpu = seconds(ours)
    more: dict = dict(wall=wall * scale, images=images)
    for side, given in dict(peer=peer, limit=limit).items():
        if given is not None:
            side_wall, side_cpu = seconds(given[0])
            more |= {side: side_cpu * scale, f"{side}_is": given[1], f"{side}_wall": side_wall * scale}
    return figures_row(work, "us an image", cpu * scale, **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_200_000)
    parser.add_argument("--categories", type=int, default=1000)
    parser.add_argument("--headers", type=int, default=20_000, help="images whose headers are read")
    parser.add_argument(
        "--folder", help="where the data set is made, and removed afterwards; a temporary one by default"
    )
    add_json_option(parser)
    args = parser.parse_args()
    init_default_scope("mmseg")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        make_data(Path(folder), args.images, args.categories)
        rows = measure(Path(folder), args.images, min(args.headers, args.images))
    report(rows, f"{args.images:,} images", args.json)


if __name__ == "__main__":
    main()
