# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Label maps of a run as annotations that CVAT, Label Studio, FiftyOne and training scripts open."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import yaml

from mmluss.apis.results.cluster_names import ClusterNames
from mmluss.apis.segmenting.formats import ANNOTATION_FORMATS, AnnotationFormat
from mmluss.apis.segmenting.segmenter import outline_polygons
from mmluss.datasets.label_codec import IGNORE_INDEX, read_label_map, write_label_map
from mmluss.datasets.photos import read_photo
from mmluss.utils.atomic_files import replace_file, write_csv
from mmluss.utils.safe_paths import path_below

LEAST_SHARE_OF_PHOTO = 0.001
"""Pieces smaller than this share of a photo are no things of their own."""
_ROUNDED_PIXELS = 2
# XML 1.0, section 2.2.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Thing:
    """One connected thing in a photo.

    Attributes:
        id: Its id, 1..K.
        mask: ``(H, W)`` bool, at the photo's size.
    """

    id: int
    mask: np.ndarray

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height in pixels."""
        left, top, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return left, top, width, height

    @property
    def polygon(self) -> np.ndarray:
        """Outer outline along the edges of its pixels, which are at 0 to the photo's sides: ``(n, 2)`` int, x first."""
        left, top, width, height = self.box
        inside = self.mask[top : top + height, left : left + width]
        # Contours run through the middle of pixels, here of half a pixel beside each edge.
        halves = inside.repeat(2, axis=0).repeat(2, axis=1)
        return (outline_polygons(halves)[0] + 1) // 2 + [left, top]


@dataclass(frozen=True)
class LabeledPhoto:
    """A photo and what is in it.

    Attributes:
        name: Path below the photo folder.
        labels: ``(H, W)`` ids at the photo's size, after merges and drops.
    """

    name: str
    labels: np.ndarray

    @property
    def things(self) -> list[Thing]:
        """Connected things, by id and then from top to bottom."""
        found = []
        for id_ in np.unique(self.labels):
            if id_ in (0, IGNORE_INDEX):
                continue
            count, pieces, statistics, _ = cv2.connectedComponentsWithStats((self.labels == id_).astype(np.uint8))
            least = max(1, LEAST_SHARE_OF_PHOTO * self.labels.size)
            found += [
                Thing(int(id_), pieces == piece)
                for piece in range(1, count)
                if statistics[piece, cv2.CC_STAT_AREA] >= least
            ]
        return found


def labeled_photos(
    root: str | Path, names: Sequence[str], label_maps: Sequence[str | Path], clusters: ClusterNames
) -> Iterator[LabeledPhoto]:
    """Read label maps and enlarge them to their photos.

    Args:
        root: Folder of the photos.
        names: Paths below it.
        label_maps: One file for each.
        clusters: Merges and drops to apply.

    Raises:
        ValueError: If a photo or a label map cannot be read, or a photo has another shape than when it was labeled.
    """
    for name, path in zip(names, label_maps, strict=True):
        height, width = read_photo(Path(root, name), max_side=None).shape[:2]
        labels = clusters.relabel(read_label_map(path))
        scale = max(labels.shape) / max(height, width)
        # Decoders that shrink round sides in their own way.
        if np.abs(np.multiply((height, width), scale) - labels.shape).max() > _ROUNDED_PIXELS:
            raise ValueError(
                f"{Path(root, name)} is of {width} x {height} pixels, and its label map {path} of another shape: the "
                "photo has changed since. Run the same mmluss discover command again, which labels it anew"
            )
        enlarged = cv2.resize(labels.astype(np.int32), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        yield LabeledPhoto(name, enlarged)


def export_annotations(
    photos: Iterable[LabeledPhoto], clusters: ClusterNames, out: str | Path, form: AnnotationFormat
) -> Path:
    """Write annotations.

    Args:
        photos: What is in each photo.
        clusters: Names by id.
        out: Folder to write to.
        form: 'coco' (one JSON, masks as compressed RLE), 'yolo' (a text file a photo, polygons, and data.yaml), 'voc'
            (an XML a photo, boxes), 'cvat' (one XML "for images 1.1", polygons), 'masks' (label PNGs and classes.csv),
            'csv' (a line a thing).

    Returns:
        The file or folder to open.

    Raises:
        ValueError: If the format is unknown, the name of a photo leads out of ``out`` or has characters that the
            format has no place for, or two photos differ in nothing but the suffix where a format has no place for
            both.
    """
    if form not in ANNOTATION_FORMATS:
        raise ValueError(f"format {form!r}; known are {', '.join(ANNOTATION_FORMATS)}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    kept = [id_ for id_ in range(1, len(clusters.names)) if clusters.targets[id_] == id_]
    return _EXPORTERS[form](photos, clusters.names, kept, out)


def _write(path: Path, content: bytes) -> Path:
    with replace_file(path, sync=False) as file:
        file.write(content)
    return path


def _coco(photos: Iterable[LabeledPhoto], names: Sequence[str], kept: Sequence[int], out: Path) -> Path:
    try:
        from pycocotools import mask as coco_mask
    except ImportError as error:
        raise RuntimeError(f"{error.name} is missing; COCO files need: pip install 'mmluss[export]'") from error
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for photo in photos:
        height, width = photo.labels.shape
        images.append(dict(id=len(images) + 1, file_name=photo.name, width=width, height=height))
        for thing in photo.things:
            encoded = coco_mask.encode(np.asfortranarray(thing.mask.astype(np.uint8)))
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=len(images),
                    category_id=thing.id,
                    bbox=list(thing.box),
                    area=int(thing.mask.sum()),
                    segmentation=dict(size=[height, width], counts=encoded["counts"].decode()),
                    iscrowd=0,
                )
            )
    categories = [dict(id=id_, name=names[id_], supercategory="thing") for id_ in kept]
    content = dict(info=dict(description="mmluss"), images=images, annotations=annotations, categories=categories)
    return _write(out / "annotations.json", json.dumps(content).encode())


def _yolo(photos: Iterable[LabeledPhoto], names: Sequence[str], kept: Sequence[int], out: Path) -> Path:
    classes = {id_: index for index, id_ in enumerate(kept)}
    written: dict[Path, str] = {}
    for photo in photos:
        path = path_below(out / "labels", photo.name).with_suffix(".txt")
        if path in written:
            raise ValueError(
                f"{written[path]} and {photo.name} would share {path.name}: YOLO names labels by a photo's name "
                "without its suffix. Rename one of them, or export another format."
            )
        written[path] = photo.name
        height, width = photo.labels.shape
        lines = []
        for thing in photo.things:
            points = (thing.polygon / [width, height]).ravel()
            lines.append(" ".join([str(classes[thing.id]), *(f"{value:.6f}" for value in points)]) + "\n")
        _write(path, "".join(lines).encode())
    # Without a path these are folders beside the file; a relative one would be below a folder of the reader's settings.
    content = dict(train="images", val="images", names={index: names[id_] for id_, index in classes.items()})
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=math.inf)
    return _write(out / "data.yaml", text.encode())


def _voc(photos: Iterable[LabeledPhoto], names: Sequence[str], kept: Sequence[int], out: Path) -> Path:
    for photo in photos:
        _check_xml(photo.name)
        height, width = photo.labels.shape
        root = ElementTree.Element("annotation")
        ElementTree.SubElement(root, "folder").text = str(Path(photo.name).parent)
        ElementTree.SubElement(root, "filename").text = Path(photo.name).name
        _children(ElementTree.SubElement(root, "size"), width=width, height=height, depth=3)
        for thing in photo.things:
            left, top, thing_width, thing_height = thing.box
            element = ElementTree.SubElement(root, "object")
            _children(element, name=names[thing.id], pose="Unspecified", truncated=0, difficult=0)
            box = dict(xmin=left + 1, ymin=top + 1, xmax=left + thing_width, ymax=top + thing_height)
            _children(ElementTree.SubElement(element, "bndbox"), **box)
        _write(path_below(out, f"{photo.name}.xml"), _xml(root))
    return out


def _cvat(photos: Iterable[LabeledPhoto], names: Sequence[str], kept: Sequence[int], out: Path) -> Path:
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    labels = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task"), "labels")
    for id_ in kept:
        _children(ElementTree.SubElement(labels, "label"), name=names[id_])
    for index, photo in enumerate(photos):
        _check_xml(photo.name)
        height, width = photo.labels.shape
        image = ElementTree.SubElement(
            root, "image", id=str(index), name=photo.name, width=str(width), height=str(height)
        )
        for thing in photo.things:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in thing.polygon)
            ElementTree.SubElement(
                image, "polygon", label=names[thing.id], occluded="0", source="auto", points=points, z_order="0"
            )
    return _write(out / "annotations.xml", _xml(root))


def _masks(photos: Iterable[LabeledPhoto], names: Sequence[str], kept: Sequence[int], out: Path) -> Path:
    for photo in photos:
        write_label_map(path_below(out, f"{photo.name}.png"), photo.labels)
    write_csv(out / "classes.csv", ("id", "name"), ((id_, names[id_]) for id_ in kept))
    return out


def _csv(photos: Iterable[LabeledPhoto], names: Sequence[str], kept: Sequence[int], out: Path) -> Path:
    rows = (
        (photo.name, thing.id, names[thing.id], int(thing.mask.sum()), f"{thing.mask.mean():.4f}", *thing.box)
        for photo in photos
        for thing in photo.things
    )
    columns = ("photo", "id", "name", "pixels", "share", "left", "top", "width", "height")
    write_csv(out / "things.csv", columns, rows)
    return out / "things.csv"


def _children(element: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(element, name).text = str(value)


def _check_xml(name: str) -> None:
    if _NOT_IN_XML.search(name):
        raise ValueError(
            f"{name!r}: XML has no place for some character of this name. Rename the photo, or export another format."
        )


def _xml(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


_EXPORTERS: dict[AnnotationFormat, Callable[[Iterable[LabeledPhoto], Sequence[str], Sequence[int], Path], Path]] = dict(
    coco=_coco, yolo=_yolo, voc=_voc, cvat=_cvat, masks=_masks, csv=_csv
)
