# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Segments files and folders, and saves what is in them next to each other under the photos' own names."""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from mmluss.apis.segmenting.formats import Saved, check_saved
from mmluss.apis.segmenting.segmenter import Segmentation, Segmenter
from mmluss.datasets.label_codec import write_label_map
from mmluss.datasets.photos import PHOTO_SUFFIXES, PhotoList, SkippedFile, list_photos
from mmluss.datasets.photos.listing import LONG_NAME, has_long_name, holds_results, mark_results
from mmluss.utils.atomic_files import replace_file, write_json
from mmluss.utils.safe_paths import leads_out, path_below
from mmluss.visualization.report.pictures import bright_palette, outlined_photo

OVERLAY_SIDE = 1600


def photos_to_segment(source: str | Path, leave_out: Sequence[str | Path] = ()) -> PhotoList:
    """Photos of a file, a folder or a pattern such as ``trip/*.jpg``.

    The names of a pattern's photos are those below the current folder, or else below the last folder that they share,
    so that results go below the folder of results.

    Args:
        source: What to segment.
        leave_out: Folders that hold no photos.

    Raises:
        FileNotFoundError: If there is nothing, or no photo in a folder.
        ValueError: If a folder is among those that hold no photos, or one of results.
    """
    path = Path(source)
    if path.is_dir():
        listed = list_photos(path, leave_out, check=False)
        if not listed.photos:
            looked_for = ", ".join(sorted(PHOTO_SUFFIXES))
            others = f"; {len(listed.skipped)} files left out" if listed.skipped else ""
            first = "".join(f", such as {file.path} ({file.reason})" for file in listed.skipped[:1])
            raise FileNotFoundError(
                f"{source}: no photos outside of folders of results (looked for {looked_for}){others}{first}"
            )
        return listed
    if path.is_file() or path.is_symlink():
        return _without_long_names(str(path.parent), [path.name])
    found = [name for name in glob.glob(str(source), recursive=True) if Path(name).is_file()]
    results = {folder for folder in _folders_below(path, found) if holds_results(folder)}
    found = sorted(name for name in found if results.isdisjoint(Path(name).parents))
    if not found:
        raise FileNotFoundError(f"{source}: no such file, folder, or pattern with files")
    if any(leads_out(name) for name in found):
        root = os.path.commonpath([os.path.dirname(os.path.abspath(name)) for name in found])
        return _without_long_names(root, [Path(os.path.relpath(name, root)).as_posix() for name in found])
    return _without_long_names("", found)


def segment_files(
    segmenter: Segmenter,
    photos: PhotoList,
    out: str | Path,
    save: Iterable[Saved] = ("overlay", "mask"),
    threads: int = 2,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> PhotoList:
    """Segment photos and save the results; each kind has a folder of its own if there are several.

    Sub-folders and names are kept and lengthened: ``trip/a.jpg`` gives ``OUT/mask/trip/a.jpg.png``.

    Args:
        segmenter: The model.
        photos: What to segment.
        out: Folder of results.
        save: 'overlay': the photo with outlines (JPEG); 'mask': ids as a label PNG, id = R + 256 * G; 'cutout': what is
            foreground on nothing (PNG); 'json': names, scores and outlines.
        threads: Photos read and written at once.
        progress: Given the photos, gives them back one by one; for a progress bar.

    Returns:
        The photos that were segmented, and those that could not be, with the reason.

    Raises:
        ValueError: If nothing is to be saved, or something unknown.
    """
    kinds = check_saved(save)
    palette = bright_palette(len(segmenter.names.names))
    done = PhotoList(photos.root, skipped=list(photos.skipped))
    paths = [Path(photos.root, name) for name in photos.photos]
    for kind in kinds:
        mark_results(Path(out, kind) if len(kinds) > 1 else Path(out))
    with ThreadPoolExecutor(threads) as pool:
        writing = []
        stream = segmenter.stream(paths, threads)
        for name, (path, result) in zip(progress(photos.photos), stream, strict=True):
            if isinstance(result, ValueError):
                done.skipped.append(SkippedFile(name, str(result).removeprefix(f"{path}: ")))
                continue
            done.photos.append(name)
            for kind in kinds:
                folder = Path(out, kind) if len(kinds) > 1 else Path(out)
                target = path_below(folder, name)
                writing.append(pool.submit(_SAVE[kind], result, target, palette))
            while len(writing) > 4 * threads:
                writing.pop(0).result()
        for future in writing:
            future.result()
    return done


def _folders_below(pattern: Path, files: Sequence[str]) -> set[Path]:
    """Folders that a pattern leads into, not those that it names."""
    parts = pattern.parts
    named = Path(*parts[: next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))])
    folders = {folder for file in files for folder in Path(file).parents}
    return {folder for folder in folders if folder != named and named in folder.parents}


def _without_long_names(root: str, names: Sequence[str]) -> PhotoList:
    skipped = [SkippedFile(name, LONG_NAME) for name in names if has_long_name(name)]
    return PhotoList(root, [name for name in names if not has_long_name(name)], skipped)


def _longer(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _save_overlay(result: Segmentation, target: Path, palette: list[list[int]]) -> None:
    with replace_file(_longer(target, ".jpg"), sync=False) as file:
        file.write(outlined_photo(result.photo, result.label_map, palette, OVERLAY_SIDE))


def _save_mask(result: Segmentation, target: Path, palette: list[list[int]]) -> None:
    write_label_map(_longer(target, ".png"), result.label_map)


def _save_cutout(result: Segmentation, target: Path, palette: list[list[int]]) -> None:
    alpha = np.where(result.label_map > 0, 255, 0).astype(np.uint8)
    encoded = cv2.imencode(".png", np.dstack([result.photo[..., ::-1], alpha]))[1]
    with replace_file(_longer(target, ".png"), sync=False) as file:
        file.write(encoded.tobytes())


def _save_json(result: Segmentation, target: Path, palette: list[list[int]]) -> None:
    height, width = result.label_map.shape
    things = [
        dict(
            id=id_,
            name=result.names[id_],
            score=round(result.scores.get(id_, 0.0), 4),
            pixels=int((result.label_map == id_).sum()),
            outlines=[polygon.tolist() for polygon in polygons],
        )
        for id_, polygons in result.outlines.items()
    ]
    write_json(_longer(target, ".json"), dict(width=width, height=height, things=things))


_SAVE = dict(overlay=_save_overlay, mask=_save_mask, cutout=_save_cutout, json=_save_json)
