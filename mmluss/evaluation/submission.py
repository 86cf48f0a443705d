# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The zip file that the online server of ImageNet-S scores: predictions, matching and a description of the method."""

import os
import zipfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from mmluss.datasets.label_codec import read_label_map
from mmluss.evaluation.folder import PredictionError, label_names, listing
from mmluss.evaluation.matching import MATCH_FILE, UNMATCHED, match_to_json
from mmluss.utils.atomic_files import replace_file
from mmluss.utils.image_files import image_size, is_image

METHOD_TITLES = (
    "Method name",
    "Training data",
    "Training scheme",
    "Networks",
    "Paper/Project link",
    "Method description",
)
"""Beginnings of the lines of ``method.txt``, in the order of the fields of ``Method``."""


@dataclass(frozen=True)
class Method:
    """Description of a method; every field is one line of text.

    Attributes:
        name: Name of the method.
        training_data: Images it was trained on.
        training_scheme: Such as "fully unsupervised".
        networks: Architecture.
        link: Address of the paper or project.
        description: A few sentences.
    """

    name: str
    training_data: str
    training_scheme: str
    networks: str
    link: str
    description: str

    def text(self) -> str:
        """Content of ``method.txt``: six lines, no line break at the end.

        Raises:
            ValueError: If a field is empty or holds a line break.
        """
        fields = dict(zip(METHOD_TITLES, astuple(self), strict=True))
        for title, value in fields.items():
            if not value.strip() or len(value.splitlines()) != 1:
                raise ValueError(f"method.txt: {title!r} must be one line of text, not {value!r}")
        return "\n".join(f"{title}: {value}" for title, value in fields.items())


def read_method(path: str | os.PathLike) -> Method:
    """Read a ``method.txt``.

    Raises:
        ValueError: If it has not the six lines, in order.
    """
    titles = METHOD_TITLES
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    starts = [line.startswith(f"{title}: ") for line, title in zip(lines, titles, strict=False)]
    if len(lines) != len(titles) or not all(starts):
        raise ValueError(f"{path}: expected six lines that begin with {', '.join(f'{title!r}' for title in titles)}")
    return Method(*(line.split(": ", 1)[1] for line in lines))


def named_image_sizes(folder: str | os.PathLike) -> dict[str, tuple[int, int]]:
    """Height and width of every image below a folder by its name ``CATEGORY/NAME``, without suffix.

    Raises:
        FileNotFoundError: If there is no such folder or it has no images.
        ValueError: If a file is not an image.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if is_image(path.name))
    if not paths:
        raise FileNotFoundError(f"{folder}: no images")
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    return {name: image_size(path)[::-1] for name, path in zip(names, paths, strict=True)}


def check_predictions(
    folder: str | os.PathLike,
    names: Sequence[str],
    num_categories: int,
    match: np.ndarray | None = None,
    sizes: dict[str, tuple[int, int]] | None = None,
) -> None:
    """Check every prediction of a submission.

    Args:
        folder: Folder of predictions ``CATEGORY/NAME.png``.
        names: Names ``CATEGORY/NAME`` of all test images.
        num_categories: Number of categories N: the largest id allowed.
        match: ``(K + 1,)`` category of each predicted id; None if ids are categories. Ids without category are refused.
        sizes: Height and width of the images by name, where they are known.

    Raises:
        PredictionError: Naming all that is missing, not among the test images, unreadable, not RGB, of another size
            than its image, or with ids out of range.
    """
    found = label_names(folder)
    texts = [
        f"{text} {listing(which)}"
        for text, which in (
            (f"no prediction in {folder} for", sorted(set(names) - set(found))),
            (f"predictions in {folder} of images that are not test images:", sorted(set(found) - set(names))),
        )
        if which
    ]
    allowed = np.zeros(1 << 16, bool)
    allowed[: num_categories + 1] = True
    if match is not None:
        allowed[:] = False
        allowed[: len(match)] = match != UNMATCHED
    problems = []
    for name in track(sorted(set(names) & set(found)), "Checking predictions"):
        file = Path(folder, f"{name}.png")
        try:
            ids = read_label_map(file)
        except ValueError as error:
            problems.append(str(error))
            continue
        if sizes is not None and ids.shape != sizes[name]:
            problems.append(f"{file}: {ids.shape} pixels, its image has {sizes[name]}")
        bad = np.unique(ids[~allowed[ids]])
        if len(bad):
            problems.append(f"{file}: id {bad[0]} without category")
    if problems:
        texts.append(f"predictions that the server cannot score: {listing(problems)}")
    if texts:
        raise PredictionError("\n".join(texts))


def write_submission(
    path: str | os.PathLike,
    folder: str | os.PathLike,
    names: Sequence[str],
    method: Method,
    match: np.ndarray | None = None,
) -> None:
    """Write the zip file, whole or not at all; the same files give the same bytes.

    Args:
        path: The zip file to write.
        folder: Folder of predictions ``CATEGORY/NAME.png``, checked.
        names: Names ``CATEGORY/NAME`` of all test images.
        method: Description of the method.
        match: ``(K + 1,)`` category of each predicted id for the unsupervised protocol; None if ids are categories.
    """
    with replace_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for parent in sorted({os.path.dirname(name) for name in names} - {""}):
            archive.writestr(zipfile.ZipInfo(f"{parent}/"), b"")
        archive.writestr(zipfile.ZipInfo("method.txt"), method.text())
        if match is not None:
            archive.writestr(zipfile.ZipInfo(MATCH_FILE), match_to_json(match))
        for name in track(sorted(names), "Packing"):
            archive.writestr(zipfile.ZipInfo(f"{name}.png"), Path(folder, f"{name}.png").read_bytes())
