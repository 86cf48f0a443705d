# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What results can be saved as."""

from collections.abc import Iterable
from typing import Literal, cast, get_args

AnnotationFormat = Literal["coco", "yolo", "voc", "cvat", "masks", "csv"]
ANNOTATION_FORMATS: tuple[AnnotationFormat, ...] = get_args(AnnotationFormat)
"""Of all photos of a run, for annotation tools and training scripts."""

ModelFormat = Literal["onnx", "torchscript"]
MODEL_FORMATS: tuple[ModelFormat, ...] = get_args(ModelFormat)
"""Of a model, as a file that runs without this package."""

Saved = Literal["overlay", "mask", "cutout", "json"]
SAVED: tuple[Saved, ...] = get_args(Saved)
"""Of each new photo, in files beside each other."""


def check_saved(kinds: Iterable[str]) -> tuple[Saved, ...]:
    """What to save of each photo, each kind once.

    Args:
        kinds: Some of ``SAVED``.

    Raises:
        ValueError: If there is none, or one is unknown.
    """
    found = tuple(dict.fromkeys(kinds))
    unknown = [kind for kind in found if kind not in SAVED]
    if unknown or not found:
        what = f"{unknown[0]!r} cannot be saved" if unknown else "nothing would be saved"
        raise ValueError(f"{what}: give one or more of {','.join(SAVED)}")
    return cast(tuple[Saved, ...], found)
