# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The archives that ImageNet-S publishes its masks in."""

from pathlib import Path

MASK_ARCHIVES = {
    50: "ImageNetS50-a0fe9d82231f9bc4787ee76e304dfa51.zip",
    300: "ImageNetS300-dd8e42e156bac415a35c3c239de297bf.zip",
    919: "ImageNetS919-5f7f58ae1003d21da9409a8576bf7680.zip",
}
"""Published name of each subset's archive."""
MASK_ARCHIVES_ADDRESS = "https://github.com/LUSSeg/ImageNet-S/releases/download/ImageNet-S/"


def find_mask_archive(folder: str | Path, subset: int) -> Path:
    """The archive of a subset's masks, under its published name, that name without the hash, or with another hash.

    Args:
        folder: Folder of the archives.
        subset: Number of categories: 50, 300 or 919.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are several that the published name does not decide between.
    """
    folder = Path(folder)
    for name in (MASK_ARCHIVES[subset], f"ImageNetS{subset}.zip"):
        if (folder / name).is_file():
            return folder / name
    others = sorted(folder.glob(f"ImageNetS{subset}-*.zip"))
    if not others:
        raise FileNotFoundError(
            f"{folder}: no annotation archive {MASK_ARCHIVES[subset]} or ImageNetS{subset}.zip; "
            f"`python tools/misc/download.py {MASK_ARCHIVES[subset]} --out {folder}` fetches it"
        )
    if len(others) > 1:
        names = ", ".join(path.name for path in others)
        raise ValueError(f"{folder}: several annotation archives of ImageNet-S-{subset} ({names}); keep one of them")
    return others[0]
