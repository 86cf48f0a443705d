# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Finds all photos below a folder, and names every file that is left out with the reason."""

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mmluss.datasets.photos.reading import read_photo
from mmluss.utils.atomic_files import replace_file, write_csv
from mmluss.utils.folder_lock import LOCK_FILE
from mmluss.utils.image_files import is_photo

# What systems and programs put beside photos; nobody would miss these.
_NO_PHOTOS = {"thumbs.db", "desktop.ini", "icon\r"}
_SIDE_TO_CHECK = 64
_LIST_OF_A_RUN, _LOCK_OF_A_RUN = "work/photos.txt", f"work/{LOCK_FILE}"
# What runs write, whatever their options, before or beside anything that looks like a photo.
_FILES_OF_A_RUN = ("skipped.csv", "run.json", "model.pth", "clusters.csv", _LOCK_OF_A_RUN, _LIST_OF_A_RUN)
_MARK_OF_RESULTS = ".mmluss-results"
_MOST_BYTES_OF_NAME = 255 - len(".json")
"""Results have the name of their photo and one more suffix, and file systems end names at 255 bytes."""
LONG_NAME = f"its name is longer than {_MOST_BYTES_OF_NAME} bytes, so results cannot be named after it"
"""Reason to leave out a photo that ``has_long_name``."""


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
    A file with the suffix of a photo that cannot be read is named in ``skipped``, and so is every other file, and every
    folder that cannot be read.

    Args:
        root: The folder.
        leave_out: Folders below it that hold no photos, such as that of the results.
        check: Whether to decode every photo once, to find damaged ones now and not in the middle of training.
        threads: Photos checked at once.
        progress: Given the photos to check, gives them back one by one; for a progress bar.

    Raises:
        FileNotFoundError: If the folder does not exist.
        NotADirectoryError: If it is a file.
        OSError: If it cannot be read.
        ValueError: If it is among those to leave out, or a folder of results.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder")
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is a file; give the folder that it is in")
    away = {os.path.realpath(folder) for folder in leave_out}
    if os.path.realpath(root) in away:
        raise ValueError(
            f"{root} is the folder of the photos: give another one for the results, also one inside of it, such as "
            f"{root / 'results'}"
        )
    if _is_marked(root):
        raise ValueError(
            f"{root} is a folder of results, as the file {_MARK_OF_RESULTS} in it says: give the folder of the photos, "
            "or delete that file"
        )
    if (root / _LIST_OF_A_RUN).is_file() and any((root / name).is_file() for name in ("run.json", _LOCK_OF_A_RUN)):
        raise ValueError(f"{root} is a folder of results: give the folder of the photos")
    found = _unchecked(root, away)
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


def _unchecked(root: Path, away: Collection[str]) -> PhotoList:
    """Photos by their names alone; ``away`` are real paths of folders to leave out."""
    found = PhotoList(str(root))
    seen: set[str] = set()

    def below(path: str) -> str:
        return Path(os.path.relpath(path, root)).as_posix()

    def name_folder(error: OSError) -> None:
        if error.filename == str(root):
            raise error
        found.skipped.append(SkippedFile(below(error.filename), f"a folder that cannot be read ({error.strerror})"))

    for folder, folders, names in os.walk(root, onerror=name_folder, followlinks=True):
        real = os.path.realpath(folder)
        # In the root itself, a run that was given it for its results as well may have left some of its files.
        marked = _is_marked(folder) and real not in away
        if real in seen or real in away or marked or (seen and _is_of_a_run(folder)):
            if marked:
                reason = f"a folder of results, as the file {_MARK_OF_RESULTS} in it says"
                found.skipped.append(SkippedFile(below(folder), reason))
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or name.lower() in _NO_PHOTOS:
                continue
            path = below(os.path.join(folder, name))
            problem = _problem_of_name(path)
            if problem:
                found.skipped.append(SkippedFile(path, problem))
            else:
                found.photos.append(path)
    found.photos.sort()
    return found


def _problem_of_name(path: str) -> str:
    if "\n" in path:
        return "its name has a line break"
    if not is_photo(os.path.basename(path)):
        return "not a photo by its suffix"
    return LONG_NAME if has_long_name(path) else ""


def has_long_name(path: str | Path) -> bool:
    """Whether the name of a photo leaves no room for those of its results."""
    return len(os.fsencode(os.path.basename(path))) > _MOST_BYTES_OF_NAME


def mark_results(folder: str | Path) -> None:
    """Make a folder for results that may look like photos, and have it count as none of photos.

    One that holds something already, which may be photos, is left as it is.
    """
    os.makedirs(folder, exist_ok=True)
    if not os.listdir(folder):
        Path(folder, _MARK_OF_RESULTS).touch()


def holds_results(folder: str | Path) -> bool:
    """Whether a folder is one of results: of a whole run, or marked by ``mark_results``."""
    return _is_marked(folder) or _is_of_a_run(folder)


def _is_marked(folder: str | Path) -> bool:
    return os.path.isfile(os.path.join(folder, _MARK_OF_RESULTS))


def _is_of_a_run(folder: str | Path) -> bool:
    # People may have removed one of them, or have a file of that name.
    return sum(os.path.isfile(os.path.join(folder, name)) for name in _FILES_OF_A_RUN) > 1


def _problem(path: Path) -> str:
    try:
        read_photo(path, _SIDE_TO_CHECK)
    except ValueError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""
