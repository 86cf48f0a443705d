# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Prepare ImageNet-S-50, -300 and -919 from a copy of ImageNet-1k (ILSVRC 2012).

Needs ``train/WNID/*.JPEG`` and ``val/`` (flat or one folder a category) of ImageNet-1k, the ImageNet-S toolbox's
checkout (its lists say which images make up the splits) and, for the masks, the annotation archives of its releases.
Images are linked, or copied with --copy. Run it again after an interruption or with the archives: what is there already
stays.
"""

import argparse
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmluss.datasets.categories import SUBSETS, subset_categories
from mmluss.datasets.imagenets import SPLITS_WITH_MASKS
from mmluss.datasets.mask_archives import find_mask_archive
from mmluss.datasets.split_folder import list_folder
from mmluss.utils.atomic_files import replace_by
from mmluss.utils.safe_paths import leads_out

# ILSVRC folders whose images belong to another category of ImageNet-S-919.
MERGED_CATEGORIES = {
    "n04356056": "n04355933",
    "n04493381": "n02808440",
    "n03642806": "n03832673",
    "n04008634": "n03773504",
    "n03887697": "n15075141",
}
EXPECTED_COUNTS = {
    50: {"train": 64431, "train-semi": 500, "validation": 752, "test": 1682},
    300: {"train": 384862, "train-semi": 3000, "validation": 4097, "test": 9088},
    919: {"train": 1183322, "train-semi": 9190, "validation": 12419, "test": 27423, "train-full": 1281167},
}
Task = Callable[[], None]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imagenet", type=Path, help="folder of ImageNet-1k with train/ and val/")
    parser.add_argument("lists", type=Path, help="the toolbox's checkout, or its folder of lists")
    parser.add_argument("out", type=Path, help="folder to put ImageNetS50, ImageNetS300 and ImageNetS919 in")
    parser.add_argument(
        "--annotations", type=Path, help="folder of the archives of masks, with or without the hash in their names"
    )
    parser.add_argument("--subsets", type=int, nargs="+", choices=SUBSETS, default=SUBSETS, help="default: all")
    parser.add_argument("--copy", action="store_true", help="copy the images, do not link them")
    parser.add_argument("--num-workers", type=int, default=8, help="threads; default: %(default)s")
    return parser.parse_args(argv)


def find_lists(folder: Path) -> Path:
    """The folder of the lists, in a checkout or the folder itself.

    Raises:
        FileNotFoundError: Where there are no lists.
    """
    name = f"ImageNetS_categories_im{SUBSETS[0]}.txt"
    if (folder / name).is_file():
        return folder
    found = sorted(folder.rglob(name))
    if not found:
        raise FileNotFoundError(f"{folder}: no {name} in it; give the ImageNet-S toolbox's checkout")
    return found[0].parent


def check_categories(lists: Path, subset: int) -> None:
    """Compare the categories of a list with those of the package, which say the ids.

    Raises:
        ValueError: Where they differ or the list is missing.
    """
    path = lists / f"ImageNetS_categories_im{subset}.txt"
    if not path.is_file() or set(path.read_text().split()) != set(subset_categories(subset)):
        raise ValueError(f"{path}: does not hold the {subset} categories of ImageNet-S-{subset}")


def read_list(lists: Path, name: str) -> list[tuple[str, str]]:
    """The two columns of a list.

    Raises:
        FileNotFoundError: Where the list is missing.
        ValueError: Naming a line that does not hold two paths CATEGORY/NAME, or a file that is no text.
    """
    path = lists / name
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such list")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text in UTF-8") from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        columns = line.split()
        if len(columns) != 2 or any(column.count("/") != 1 or leads_out(column) for column in columns):
            raise ValueError(f"{path}, line {number}: not two paths CATEGORY/NAME: {line!r}")
        pairs.append((columns[0], columns[1]))
    return pairs


def list_split(imagenet: Path, lists: Path, subset: int, split: str) -> dict[str, Path]:
    """Images of train-semi, validation or test: ``CATEGORY/NAME.JPEG`` -> file of ImageNet-1k.

    Raises:
        FileNotFoundError: Naming images that the copy of ImageNet-1k does not hold.
    """
    if split == "train-semi":
        # Also in a merged category an image keeps its name, which starts with its category in ImageNet-1k.
        images = [image for image, _ in read_list(lists, f"ImageNetSemi_im{subset}_train.txt")]
        sources = {image: imagenet / "train" / Path(image).name.split("_")[0] / Path(image).name for image in images}
        missing = [source for source in sources.values() if not source.is_file()]
    else:
        # The category of an image may differ from its folder in ImageNet-1k, which the list's first column names. It
        # is found by its name instead, so that a flat folder serves as well.
        images = [image for _, image in read_list(lists, f"ImageNetS_im{subset}_mapping_{split}.txt")]
        index = index_images(require_folder(imagenet / "val"))
        sources = {image: index.get(Path(image).name) for image in images}
        missing = [imagenet / "val" / Path(image).name for image, source in sources.items() if source is None]
    if missing:
        raise FileNotFoundError(f"{missing[0]}: no such image ({len(missing)} images of the {split} split are missing)")
    return sources


def index_images(folder: Path) -> dict[str, Path]:
    """Path of each image by name, in the folder and its category folders."""
    listing = list_folder(str(folder))
    index = {name: folder / name for name in listing.images}
    for category in listing.folders:
        index.update((name, folder / category / name) for name in list_folder(str(folder / category)).images)
    return index


def train_tasks(imagenet: Path, root: Path, subset: int, copy: bool) -> list[Task]:
    """What fills the training split: one task a category."""
    sources = {category: [imagenet / "train" / category] for category in subset_categories(subset)}
    for merged, category in MERGED_CATEGORIES.items():
        if category in sources:
            sources[category].append(imagenet / "train" / merged)
    return [_folder_task(folders, root / "train" / category, copy) for category, folders in sources.items()]


def train_full_tasks(imagenet: Path, root: Path, copy: bool) -> list[Task]:
    """What makes all training images of ImageNet-1k the split train-full: one link, or a copy a category."""
    source, target = require_folder(imagenet / "train"), root / "train-full"
    if not copy:
        return [_folder_task([source], target, copy)]
    if target.is_symlink():
        target.unlink()
    return [_folder_task([source / name], target / name, copy) for name in list_folder(str(source)).folders]


def _folder_task(sources: list[Path], target: Path, copy: bool) -> Task:
    for source in sources:
        require_folder(source)
    # A folder of files, from an earlier run with --copy, is completed and not replaced.
    if len(sources) == 1 and not copy and (target.is_symlink() or not target.exists()):
        return partial(place, sources[0], target, copy)
    return partial(fill, sources, target, copy)


def fill(sources: list[Path], target: Path, copy: bool) -> None:
    """Place the images of one or more folders in a folder; a link to a folder gives way to it."""
    if target.is_symlink():
        target.unlink()
    for source in sources:
        for name in list_folder(str(source)).images:
            place(source / name, target / name, copy)


def place(source: Path, target: Path, copy: bool) -> None:
    """Link or copy a file, or link a folder, whole or not at all.

    What is there stays: a link to the source, a file (with ``copy``, if it has the source's size). Other links give
    way.

    Raises:
        FileExistsError: Where the target's folder is a link, as writing there would change what it points to.
    """
    absolute = str(source.absolute())
    if target.is_symlink():
        if not copy and os.readlink(target) == absolute:
            return
    elif target.exists() and not (copy and target.stat().st_size != source.stat().st_size):
        return
    if target.parent.is_symlink():
        raise FileExistsError(f"{target.parent}: is a link; remove it and run again")
    replace_by(target, partial(shutil.copyfile, source) if copy else partial(os.symlink, absolute))


def extract_masks(archive: Path, lists: Path, root: Path, subset: int) -> None:
    """Write the masks of train-semi and validation from an annotation archive.

    Raises:
        FileNotFoundError: Where it lacks masks of the lists.
    """
    names = (f"ImageNetSemi_im{subset}_train.txt", f"ImageNetS_im{subset}_validation.txt")
    wanted = [
        f"{split}-segmentation/{mask}"
        for split, name in zip(SPLITS_WITH_MASKS, names, strict=True)
        for _, mask in read_list(lists, name)
    ]
    with zipfile.ZipFile(archive) as content:
        members = {"/".join(member.filename.split("/")[-3:]): member for member in content.infolist()}
        missing = [name for name in wanted if name not in members]
        if missing:
            raise FileNotFoundError(f"{archive}: lacks {len(missing)} masks, the first is {missing[0]}")
        for name in track(wanted, f"ImageNet-S-{subset}: masks"):
            target = root / name
            if not target.is_file() or target.stat().st_size != members[name].file_size:
                mask = content.read(members[name])
                replace_by(target, lambda path, mask=mask: path.write_bytes(mask))


def prepare_subset(args: argparse.Namespace, lists: Path, subset: int, pool: Executor) -> dict[str, tuple[int, int]]:
    """Prepare one subset.

    Returns:
        Folder of a split -> (number of files in it, number that there should be).
    """
    root = args.out / f"ImageNetS{subset}"
    counts = EXPECTED_COUNTS[subset]
    check_categories(lists, subset)
    tasks = train_tasks(args.imagenet, root, subset, args.copy)
    for split in ("train-semi", "validation", "test"):
        sources = list_split(args.imagenet, lists, subset, split)
        tasks += [partial(place, source, root / split / image, args.copy) for image, source in sources.items()]
    if "train-full" in counts:
        tasks += train_full_tasks(args.imagenet, root, args.copy)
    done = pool.map(lambda task: task(), tasks)
    for _ in track(done, f"ImageNet-S-{subset}: images", len(tasks)):
        pass
    if args.annotations is not None:
        extract_masks(find_mask_archive(args.annotations, subset), lists, root, subset)
        counts = counts | {f"{split}-segmentation": counts[split] for split in SPLITS_WITH_MASKS}
    return {split: (count_images(root / split), count) for split, count in counts.items()}


def count_images(folder: Path) -> int:
    """Number of images in the category folders of a split."""
    return sum(len(list_folder(str(folder / category)).images) for category in list_folder(str(folder)).folders)


def require_folder(path: Path) -> Path:
    """The path, if it is a folder.

    Raises:
        FileNotFoundError: Where it is not.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder; is this a complete copy of ImageNet-1k?")
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the subsets; 1 if a split has not the number of files that it should have, else 0."""
    args = parse_args(argv)
    logger = MMLogger.get_instance("mmluss")
    lists = find_lists(args.lists)
    table = Table("subset", "split", "files", "should be", title=str(args.out))
    incomplete = []
    with ThreadPoolExecutor(args.num_workers) as pool:
        for subset in args.subsets:
            for split, (found, expected) in prepare_subset(args, lists, subset, pool).items():
                table.add_row(str(subset), split, str(found), str(expected))
                if found != expected:
                    incomplete.append(f"ImageNetS{subset}/{split} has {found} files, not {expected}")
    Console().print(table)
    if args.annotations is None:
        logger.warning("no masks: give the annotation archives with --annotations and run again")
    if incomplete:
        logger.error(f"not as it should be: {'; '.join(incomplete)}")
        return 1
    logger.info(f"ImageNet-S is in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
