# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Finds all photos below a folder, and names every file that is left out with the reason."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mmluss.datasets.photos.reading import read_photo
from mmluss.utils.atomic_files import replace_file, write_csv
from mmluss.utils.image_files import is_photo

# What systems and programs put beside photos; nobody would miss these.
_NO_PHOTOS = {"thumbs.db", "desktop.ini", "icon\r"}
_SIDE_TO_CHECK = 64
RESULTS = {"skipped.csv", "work", "logs"}
"""What every folder of results holds; photos below it are none of one's own."""


@dataclass(frozen=True)
class SkippedFile:
    """A file that is left out.

    Attributes:
        path: Path below the photo folder.
        reason: Why, in a few words.
    """

    path: str
    reason: str


@dataclass
class PhotoList:
    """What a folder holds.

    Attributes:
        root: The folder.
        photos: Paths below it, with ``/``, sorted.
        skipped: Files that are left out.
    """

    root: str
    photos: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)

    def write_skipped(self, path: str | Path) -> None:
        """Write the table of what is left out, columns ``path`` and ``reason``."""
        write_csv(path, ("path", "reason"), ((file.path, file.reason) for file in self.skipped))


def write_photo_list(path: str | Path, photos: Iterable[str]) -> None:
    """Write paths of photos to a text file, one a line; names need not be text."""
    with replace_file(path) as file:
        file.write("".join(f"{photo}\n" for photo in photos).encode(errors="surrogateescape"))


def read_photo_list(path: str | Path) -> list[str]:
    """Paths of photos in a text file, one a line."""
    text = Path(path).read_bytes().decode(errors="surrogateescape")
    # splitlines() also splits at characters that names may have.
    return [line.removesuffix("\r") for line in text.split("\n") if line.strip("\r")]


def list_photos(
    root: str | Path,
    leave_out: Iterable[str | Path] = (),
    check: bool = True,
    threads: int = 2,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> PhotoList:
    """All photos below a folder.

    Sub-folders of any depth count, linked ones too, each once; hidden files and folders and folders of results do not.
    A file with the suffix of a photo that cannot be read is named in ``skipped``, and so is every other file.

    Args:
        root: The folder.
        leave_out: Folders below it that hold no photos, such as that of the results.
        check: Whether to decode every photo once, to find damaged ones now and not in the middle of training.
        threads: Photos checked at once.
        progress: Given the photos to check, gives them back one by one; for a progress bar.

    Raises:
        FileNotFoundError: If the folder does not exist.
        NotADirectoryError: If it is a file.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file; give the folder that it is in")
    found = PhotoList(str(root))
    away = {os.path.realpath(folder) for folder in leave_out}
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen or real in away or {*folders, *names} >= RESULTS:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or name.lower() in _NO_PHOTOS:
                continue
            path = Path(os.path.relpath(os.path.join(folder, name), root)).as_posix()
            if "\n" in path:
                found.skipped.append(SkippedFile(path, "its name has a line break"))
            elif is_photo(name):
                found.photos.append(path)
            else:
                found.skipped.append(SkippedFile(path, "not a photo by its suffix"))
    found.photos.sort()
    if check:
        with ThreadPoolExecutor(threads) as pool:
            checked = pool.map(lambda path: _problem(root / path), found.photos)
            problems = [problem for problem, _ in zip(checked, progress(found.photos), strict=True)]
        found.skipped += [
            SkippedFile(path, problem) for path, problem in zip(found.photos, problems, strict=True) if problem
        ]
        found.photos = [path for path, problem in zip(found.photos, problems, strict=True) if not problem]
    found.skipped.sort(key=lambda file: file.path)
    return found


def _problem(path: Path) -> str:
    try:
        read_photo(path, _SIDE_TO_CHECK)
    except ValueError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""
