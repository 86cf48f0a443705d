# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""List everything that is wrong with a data set in the layout of ImageNet-S: folders, images, label and saliency maps.

Every file is read once. Problems are printed as they are found, ``FILE: REASON``, and the exit status is 1 if there are
any.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmluss.datasets import ImageNetSDataset
from mmluss.datasets.categories import SUBSETS
from mmluss.datasets.imagenets import SPLITS
from mmluss.datasets.label_codec import read_label_map
from mmluss.datasets.split_folder import Sample
from mmluss.datasets.transforms.loading import id_problem, read_image_size, read_saliency_map, size_problem
from mmluss.utils.process_map import process_map

_SPLITS_OF_EVERY_SUBSET = ("train", "train-semi", "validation")
_CHUNK = 64


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", help="folder of the splits")
    parser.add_argument("--subset", type=int, choices=SUBSETS, help="subset of ImageNet-S (default: other categories)")
    parser.add_argument(
        "--splits",
        nargs="+",
        metavar="SPLIT",
        help="default: those there; with --subset also those missing",
    )
    parser.add_argument("--label-root", help="check these label maps, of the one split given, instead of its masks")
    parser.add_argument("--saliency-root", help="check these saliency maps, of the one split given")
    parser.add_argument("--num-clusters", type=int, help="label maps hold ids up to this, not to the category count")
    parser.add_argument("--num-workers", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    args = parser.parse_args(argv)
    if (args.label_root or args.saliency_root) and len(args.splits or ()) != 1:
        parser.error("--label-root and --saliency-root belong to one split: name it with --splits")
    return args


def check_sample(sample: Sample, max_id: int | None) -> list[str]:
    """Read the files of a sample.

    Args:
        sample: Image and maps.
        max_id: Label maps hold ids 0..max_id and 1000; None where it is not known.

    Returns:
        Problems, each ``FILE: REASON``.
    """
    problems = []
    image_size = None
    try:
        image_size = read_image_size(sample.image_path)
    except ValueError as error:
        problems.append(str(error))
    for path, read in ((sample.label_path, read_label_map), (sample.saliency_path, read_saliency_map)):
        if path is None:
            continue
        try:
            values = read(path)
        except ValueError as error:
            problems.append(str(error))
            continue
        reasons = [size_problem(values.shape, image_size)] if image_size else []
        if read is read_label_map:
            reasons.append(id_problem(values, max_id))
        problems.extend(f"{path}: {reason}" for reason in reasons if reason)
    return problems


def check_split(args: argparse.Namespace, split: str, console: Console) -> tuple[str, ...]:
    """Check one split, print its problems, and return its row of the summary, which ends with their number."""
    try:
        dataset = ImageNetSDataset(
            args.data_root,
            args.subset,
            split,
            label_root=args.label_root,
            saliency_root=args.saliency_root,
            num_clusters=args.num_clusters,
            lazy_init=True,
        )
        samples, found = dataset.scan()
    except (FileNotFoundError, ValueError) as error:
        _print([str(error)], console)
        return split, "-", "-", "-", "-", "1"
    _print(map(str, found), console)
    num_problems = len(found)
    in_files = process_map(partial(check_sample, max_id=dataset.max_id), samples, args.num_workers, _CHUNK)
    for of_sample in track(in_files, f"{split}: reading", len(samples), console=console):
        _print(of_sample, console)
        num_problems += len(of_sample)
    categories = len({sample.category for sample in samples} - {0})
    labels = sum(sample.label_path is not None for sample in samples)
    saliency = sum(sample.saliency_path is not None for sample in samples)
    return split, *map(str, (categories, len(samples), labels, saliency, num_problems))


def _print(problems: Iterable[str], console: Console) -> None:
    for problem in problems:
        console.print(problem, markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Check the splits; 1 if there are problems, else 0."""
    args = parse_args(argv)
    # Names of files need not be text.
    sys.stdout.reconfigure(errors="backslashreplace")
    console = Console()
    splits = args.splits or [split for split in SPLITS if _is_expected(args, split)]
    if not splits:
        _print([f"{args.data_root}: no folder named {', '.join(SPLITS)} in it"], console)
        return 1
    table = Table("split", "categories", "images", "label maps", "saliency maps", "problems", title=args.data_root)
    rows = [check_split(args, split, console) for split in splits]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return int(any(row[-1] != "0" for row in rows))


def _is_expected(args: argparse.Namespace, split: str) -> bool:
    return Path(args.data_root, split).is_dir() or (args.subset is not None and split in _SPLITS_OF_EVERY_SUBSET)


if __name__ == "__main__":
    sys.exit(main())
