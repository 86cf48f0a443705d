# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Published files that the metafiles name: where they are, what they are for, and whether a file is one of them."""

import re
import zipfile
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import torch
from mmengine.fileio import load

from mmluss.checkpoints.files import read_centroids, read_checkpoint
from mmluss.checkpoints.imagenetseg_checkpoints import has_segmentation_head
from mmluss.checkpoints.kinds import CheckpointKind, checkpoint_weights, detect_checkpoint_kind
from mmluss.datasets.mask_archives import MASK_ARCHIVES, MASK_ARCHIVES_ADDRESS


class FileRole(Enum):
    """What a published file is for; the value names it in tables."""

    WEIGHTS = "trained model"
    CENTROIDS = "centroids"
    START = "start of training"
    MASKS = "masks"
    OTHER_RECIPE = "trained model of another recipe"
    OTHER = "not in the model zoo"


# Names of published files -> what is in them.
_KINDS = (
    (r"pass\d+_pretrained\.", CheckpointKind.PASS_PRETRAIN),
    (r"pass\d+_pixelatt\.", CheckpointKind.PASS_PIXEL_ATTENTION),
    (r"pass\d+_finetuning\.", CheckpointKind.PASS_FINETUNE),
    (r"imagenets_ssl_pass_resnet", CheckpointKind.SEMI_RESNET),
    (r"imagenets_(ssl|ssl-sup)_\w+_vit_", CheckpointKind.VIT),
    (r"imagenets_sup_(rf)?convnext", CheckpointKind.CONVNEXT_TIMM),
    (r"mae_(pretrain|finetuned)_vit_|sere_|dino|vit-s-", CheckpointKind.VIT),
    (r"convnext_tiny_", CheckpointKind.CONVNEXT),
    (r"fcn_(mae|sere)-", CheckpointKind.SEGMENTOR),
)
_HEADED = re.compile(r"imagenets_")


@dataclass(frozen=True)
class PublishedFile:
    """A file that can be downloaded.

    Args:
        address: Where it is.
        role: What it is for.
        configs: Names of the configs that it belongs to, without ``.py``.
    """

    address: str
    role: FileRole
    configs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its file name."""
        return PurePosixPath(unquote(urlsplit(self.address).path)).name

    @property
    def kind(self) -> CheckpointKind | None:
        """The kind of checkpoint that a file of this name is; None for other names."""
        return next((kind for pattern, kind in _KINDS if re.match(pattern, self.name)), None)


def published_files(root: Path) -> list[PublishedFile]:
    """Every published file: of the metafiles that ``model-index.yml`` imports, and the archives of masks.

    Args:
        root: Folder of ``model-index.yml``.

    Raises:
        FileNotFoundError: If there is no such index.
    """
    index = root / "model-index.yml"
    if not index.is_file():
        raise FileNotFoundError(f"No model-index.yml in {root}: is mmluss installed with its configs?")
    configs: dict[tuple[str, FileRole], list[str]] = {}
    for path in load(index)["Import"]:
        for model in load(root / path)["Models"]:
            for address, role in _addresses(model):
                configs.setdefault((address, role), []).append(model["Name"])
    models = [PublishedFile(address, role, tuple(names)) for (address, role), names in configs.items()]
    masks = [PublishedFile(MASK_ARCHIVES_ADDRESS + name, FileRole.MASKS) for name in MASK_ARCHIVES.values()]
    return models + masks


def find_published_files(wanted: str, files: list[PublishedFile], start: bool = False) -> list[PublishedFile]:
    """The files that somebody means by a name.

    Args:
        wanted: An address (of a published file or any other), a file name, or a config's name or path, which stands for
            the trained model and its centroids.
        files: As ``published_files`` gives them.
        start: A config stands for what its training starts from instead.

    Raises:
        ValueError: If nothing has this name, or nothing is published for the config; the message says what is like it.
    """
    if "://" in wanted:
        known = [file for file in files if file.address == wanted]
        return known[:1] or [PublishedFile(wanted, FileRole.OTHER)]
    named = [file for file in files if file.name == wanted]
    if named:
        return named[:1]
    config = PurePosixPath(wanted.rpartition("::")[2]).name.removesuffix(".py")
    of_config = [file for file in files if config in file.configs]
    roles = (FileRole.START,) if start else (FileRole.WEIGHTS, FileRole.CENTROIDS)
    found = [file for file in of_config if file.role in roles]
    if found:
        return found
    if of_config:
        what, option = ("start", "leave out --start") if start else ("trained model", "--start")
        raise ValueError(f"no {what} is published for {config}, but a {of_config[0].role.value} is ({option})")
    names = sorted({name for file in files for name in (file.name, *file.configs)})
    close = get_close_matches(wanted, names) or get_close_matches(config, names)
    hint = f"; do you mean {' or '.join(close)}?" if close else "; --list shows all files and configs that have some"
    raise ValueError(f"nothing is published as {wanted}{hint}")


def check_published_file(path: Path, file: PublishedFile) -> str:
    """Refuse a file that is not what its name says.

    Args:
        path: The local file, under any name.
        file: What it should be; one that is not in the model zoo may be any readable checkpoint, centroids or archive.

    Returns:
        What it is, in words.

    Raises:
        ValueError: If it is something else.
    """
    try:
        if file.name.endswith(".zip"):
            return _check_archive(path)
        if file.name.endswith(".npy"):
            centroids = read_centroids(path)
            if not torch.isfinite(centroids).all():
                raise ValueError("holds NaN or infinity")
            return f"centroids {tuple(centroids.shape)}"
        weights = checkpoint_weights(read_checkpoint(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"what came is no such file: {error}{_beginning(path)}") from error
    kind = detect_checkpoint_kind(weights)
    if file.kind is not None and kind is not file.kind:
        raise ValueError(f"what came is a {kind.value}; {file.name} should be a {file.kind.value}")
    if _HEADED.match(file.name) and not has_segmentation_head(weights):
        raise ValueError(f"what came is a {kind.value} without a segmentation head, which {file.name} should have")
    return kind.value


def _addresses(model: dict[str, Any]) -> list[tuple[str, FileRole]]:
    results = [result["Weights"] for result in model.get("Results", ()) if result.get("Weights")]
    named = [
        (model[key], role)
        for key, role in (
            ("Weights", FileRole.WEIGHTS),
            ("Centroids", FileRole.CENTROIDS),
            ("Pretrained", FileRole.START),
        )
        if key in model
    ]
    return named + [(address, FileRole.OTHER_RECIPE) for address in results]


def _check_archive(path: Path) -> str:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no zip archive")
    with zipfile.ZipFile(path) as archive:
        masks = sum(name.endswith(".png") for name in archive.namelist())
    if not masks:
        raise ValueError("the archive holds no masks")
    return f"archive of {masks:,} masks"


def _beginning(path: Path) -> str:
    """What a page in place of a file begins with, which tells most."""
    with open(path, "rb") as file:
        begun = file.read(60).lstrip()
    return f" (it begins with {begun.decode(errors='replace')!r})" if begun.startswith(b"<") else ""
