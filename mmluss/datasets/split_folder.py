# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Which images, label maps and saliency maps the folders of a split hold, and what is wrong with them.

Only names are read, one listing a folder and nothing a file, and paths are put together as plain strings, so that 1.2
million images take seconds.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from os.path import isdir, join
from typing import NamedTuple

from mmluss.utils.image_files import IMAGE_SUFFIXES, is_image, is_photo
from mmluss.utils.listings import shorten

_LABEL_SUFFIXES = frozenset({".png"})
_SPLITS_THAT_NAME_CATEGORIES = ("train", "validation", "train-semi", "test")
_CONVERT = "convert it to JPEG or PNG, or read the folder with PhotoFolderDataset"
_MOVE = "images lie in SPLIT/CATEGORY/ or in SPLIT/ itself, so move them there"


class Problem(NamedTuple):
    """Something wrong in a data set: where, what (a few words, the same for every such case) and particulars."""

    path: str
    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.kind} ({self.detail})" if self.detail else f"{self.path}: {self.kind}"


class Sample(NamedTuple):
    """An image of a split and the files that go with it."""

    relative_path: str
    category: int
    image_path: str
    label_path: str | None
    saliency_path: str | None


class Listing(NamedTuple):
    """Sorted names of what a folder holds: sub-folders, images, and photos of formats that data sets do not read."""

    folders: list[str]
    images: list[str]
    other_photos: list[str]


def list_folder(folder: str) -> Listing:
    """What a folder holds; what is neither folder nor photo, or hidden, is left out.

    Raises:
        FileNotFoundError: Where there is no such folder.
    """
    if not isdir(folder):
        raise FileNotFoundError(f"{folder}: no such folder")
    found = Listing([], [], [])
    with os.scandir(folder) as entries:
        for entry in entries:
            # The suffix is asked first: a symbolic link costs a system call to be told from a folder.
            if is_image(entry.name):
                found.images.append(entry.name)
            elif entry.name.startswith("."):
                continue
            elif entry.is_dir():
                found.folders.append(entry.name)
            elif is_photo(entry.name):
                found.other_photos.append(entry.name)
    for names in found:
        names.sort()
    return found


def unread_photos(folder: str, listing: Listing, nested: bool) -> Iterator[Problem]:
    """Photos that a data set does not read though somebody put them there.

    Args:
        folder: Folder of images.
        listing: What it holds.
        nested: Whether its sub-folders are not read; photos in them, at any depth, are one problem a sub-folder.

    Yields:
        A problem for each photo of another format and each sub-folder with photos, which it names.
    """
    for name in listing.other_photos:
        yield Problem(join(folder, name), "photo of a format that is not read", _CONVERT)
    for name in listing.folders if nested else ():
        photos = sorted(_photos_below(join(folder, name)))
        if photos:
            yield Problem(join(folder, name), "photos in a folder that is not read", f"{shorten(photos, 1)}; {_MOVE}")


def _photos_below(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.relpath(join(parent, name), folder) for name in names if is_photo(name))


def folder_categories(data_root: str) -> tuple[str, ...]:
    """Categories of a data set, the same for all of its splits: the folders of ``train`` in sorted order.

    Where ``train`` is absent or has no folders, those of the first of validation, train-semi and test that has some.

    Args:
        data_root: Folder of the splits.

    Returns:
        Folder names; empty where no split has category folders.
    """
    for split in _SPLITS_THAT_NAME_CATEGORIES:
        folder = join(data_root, split)
        if isdir(folder) and (folders := list_folder(folder).folders):
            return tuple(folders)
    return ()


def scan_split(
    folder: str,
    categories: Sequence[str],
    *,
    label_root: str | None = None,
    saliency_root: str | None = None,
    all_categories: bool = False,
    other_categories: bool = False,
) -> tuple[list[Sample], list[Problem]]:
    """The images of a split, sorted by category and name, and everything that is wrong with the names in it.

    Args:
        folder: Folder of the split, with category folders of images or with images only.
        categories: Category names; the one at position p has id p + 1.
        label_root: Folder of label maps ``CATEGORY/NAME.png``, or None for none.
        saliency_root: Folder of saliency maps ``CATEGORY/NAME`` with any image suffix, or None for none.
        all_categories: Whether each category must have its folder (a split without category folders needs none).
        other_categories: Whether folders beyond ``categories`` may be there; their images have category 0.

    Returns:
        Samples, and problems.

    Raises:
        FileNotFoundError: Where ``folder``, ``label_root`` or ``saliency_root`` is not a folder.
    """
    for root in (label_root, saliency_root):
        if root is not None and not isdir(root):
            raise FileNotFoundError(f"{root}: no such folder")
    top = list_folder(folder)
    folders, loose = top.folders, top.images
    ids = {category: index for index, category in enumerate(categories, start=1)}
    problems = []
    if folders and loose:
        problems.append(Problem(join(folder, loose[0]), "image outside of the category folders", f"{len(loose)} such"))
    if folders and not other_categories:
        problems.extend(
            Problem(join(folder, name), "unknown category folder", f"not one of the {len(categories)} categories")
            for name in folders
            if name not in ids
        )
    if folders and all_categories:
        present = set(folders)
        problems.extend(
            Problem(join(folder, name), "missing category folder") for name in categories if name not in present
        )
    problems.extend(unread_photos(folder, top, nested=False))
    samples: list[Sample] = []
    for group in folders or [""]:
        listing = list_folder(join(folder, group)) if group else top
        images = listing.images
        stems = [name.rpartition(".")[0] for name in images]
        problems.extend(_repeated_names(join(folder, group), images, stems))
        if group:
            problems.extend(unread_photos(join(folder, group), listing, nested=True))
        labels = _partners(label_root, group, stems, _LABEL_SUFFIXES, "missing mask", problems)
        saliency = _partners(saliency_root, group, stems, IMAGE_SUFFIXES, "missing saliency map", problems)
        category = ids.get(group, 0)
        inside, within = join(folder, group, ""), join(group, "")
        samples.extend(
            Sample(within + stem, category, inside + name, label, salient)
            for name, stem, label, salient in zip(images, stems, labels, saliency, strict=True)
        )
    if not samples:
        problems.append(Problem(folder, "no images", f"looked for {', '.join(sorted(IMAGE_SUFFIXES))}"))
    return samples, problems


def _repeated_names(folder: str, images: list[str], stems: list[str]) -> Iterable[Problem]:
    if len(set(stems)) == len(stems):
        return
    first: dict[str, str] = {}
    for name, stem in zip(images, stems, strict=True):
        if stem in first:
            yield Problem(join(folder, name), "repeated name", f"differs from {first[stem]} in its suffix only")
        first.setdefault(stem, name)


def _partners(
    root: str | None, group: str, stems: list[str], suffixes: frozenset[str], missing: str, problems: list[Problem]
) -> list[str | None]:
    """Paths under ``root`` of the files that go with images; None, and a problem, for each that is not there."""
    if root is None:
        return [None] * len(stems)
    folder = join(root, group, "")
    parts = (name.rpartition(".") for name in os.listdir(folder)) if isdir(folder) else ()
    present = {stem: suffix for stem, _, suffix in parts if f".{suffix}".lower() in suffixes}
    problems.extend(Problem(f"{folder}{stem}.png", missing) for stem in stems if stem not in present)
    return [f"{folder}{stem}.{present[stem]}" if stem in present else None for stem in stems]
