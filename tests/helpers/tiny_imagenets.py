# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""ImageNet-S with an image or two a category, prepared by the tool that prepares the real one."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch
from zipfile import ZipFile

import cv2
import numpy as np

from mmluss.datasets.categories import subset_categories
from mmluss.datasets.label_codec import encode_ids

TOOL = Path(__file__).resolve().parents[2] / "tools" / "dataset_converters" / "imagenets.py"
_spec = importlib.util.spec_from_file_location("imagenets_converter", TOOL)
converter = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(converter)

# Each category has one validation image, one test image, and training images that are train-semi, too.
TRAIN_IMAGES = {50: 2, 919: 1}
COUNTS = {
    50: {"train": 100, "train-semi": 100, "validation": 50, "test": 50},
    919: {"train": 924, "train-semi": 919, "validation": 919, "test": 919, "train-full": 925},
}
SIDE = 48


def write_source(
    root: Path, subset: int, write_image: Callable[[Path], object], mask: Callable[[str], bytes], flat: bool = False
) -> tuple[Path, Path, Path]:
    """A tiny ImageNet-1k, lists in a checkout, and an annotation archive.

    Args:
        root: Where they go.
        subset: 50 or 919.
        write_image: Writes an image to a path.
        mask: Content of the mask of a name ``SPLIT-segmentation/CATEGORY/NAME.png``.
        flat: Whether the validation images lie in one folder.

    Returns:
        The folders of the three.
    """
    categories = subset_categories(subset)
    imagenet, lists, archives = root / "imagenet", root / "checkout" / "data" / "lists", root / "archives"
    ilsvrc = [*categories, *converter.MERGED_CATEGORIES, "n99999999"] if subset == 919 else categories
    images = [
        imagenet / "train" / category / f"{category}_{index}.JPEG"
        for category in ilsvrc
        for index in range(TRAIN_IMAGES[subset])
    ]
    semi, splits = [], {"validation": [], "test": []}
    for position, category in enumerate(categories):
        semi += [f"{category}/{category}_{index}" for index in range(TRAIN_IMAGES[subset])]
        for offset, mapping in enumerate(splits.values()):
            name = f"ILSVRC2012_val_{2 * position + offset:08d}.JPEG"
            # As in the real lists the folder of ILSVRC may be another category's.
            source = categories[position - 1]
            mapping.append(f"{source}/{name} {category}/{name}")
            images.append(imagenet / "val" / ("" if flat else source) / name)
    for path in images:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path)
    if subset == 919:
        semi[semi.index("n15075141/n15075141_0")] = "n15075141/n03887697_0"
    _fill(lists / f"ImageNetS_categories_im{subset}.txt", "\n".join(categories))
    _fill(lists / "ImageNetS_categories_im50.txt", "\n".join(subset_categories(50)))
    _fill(lists / f"ImageNetSemi_im{subset}_train.txt", "\n".join(f"{name}.JPEG {name}.png" for name in semi))
    masks = [f"train-semi-segmentation/{name}.png" for name in semi]
    for split, mapping in splits.items():
        _fill(lists / f"ImageNetS_im{subset}_mapping_{split}.txt", "\n".join(mapping))
    validation = [line.split()[1] for line in splits["validation"]]
    pairs = "\n".join(f"{image} {image.replace('.JPEG', '.png')}" for image in validation)
    _fill(lists / f"ImageNetS_im{subset}_validation.txt", pairs)
    masks += [f"validation-segmentation/{image.replace('.JPEG', '.png')}" for image in validation]
    archives.mkdir(exist_ok=True)
    with ZipFile(archives / f"ImageNetS{subset}.zip", "w") as archive:
        for name in masks:
            archive.writestr(f"ImageNetS{subset}/{name}", mask(name))
    return imagenet, root / "checkout", archives


def _fill(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def prepare_tiny_imagenets50(root: Path) -> Path:
    """ImageNet-S-50 with boxes in the color of their category: 100 training, 50 validation and 50 test images.

    Args:
        root: Where source and data set go; images of the data set are links to the source.

    Returns:
        Folder of the data set, ``ImageNetS50``.
    """
    categories = subset_categories(50)
    levels = np.array([40, 120, 200, 250], np.uint8)
    colors = np.random.default_rng(0).permutation(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3))

    def write_image(path: Path) -> None:
        category = categories.index(path.parent.name) if "train" in path.parts else int(path.stem[-8:]) // 2
        image = _rng(path.stem).integers(0, 60, (SIDE, SIDE, 3), np.uint8)
        image[_box(path.stem)] = colors[category]
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 95])

    def mask(name: str) -> bytes:
        ids = np.zeros((SIDE, SIDE), np.uint16)
        ids[_box(Path(name).stem)] = 1 + categories.index(Path(name).parent.name)
        return cv2.imencode(".png", encode_ids(ids)[..., ::-1])[1].tobytes()

    source = write_source(root / "source", 50, write_image, mask)
    arguments = [*map(str, (*source[:2], root / "data")), "--subsets", "50", "--annotations", str(source[2])]
    with patch.object(converter, "EXPECTED_COUNTS", COUNTS):
        assert converter.main(arguments) == 0
    return root / "data" / "ImageNetS50"


def _rng(stem: str) -> np.random.Generator:
    return np.random.default_rng(list(stem.encode()))


def _box(stem: str) -> tuple[slice, slice]:
    top, left = _rng(stem).integers(4, 14, 2)
    return slice(top, top + 28), slice(left, left + 28)
