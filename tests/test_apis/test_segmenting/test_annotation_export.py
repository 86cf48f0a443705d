# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Annotations are read back by readers that are not ours."""

import csv
import dataclasses
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import matplotlib.path
import numpy as np
import pytest
import supervision
import yaml
from pycocotools.coco import COCO

from mmluss.apis.results.cluster_names import ClusterNames
from mmluss.apis.segmenting.annotation_export import LabeledPhoto, export_annotations, labeled_photos
from mmluss.datasets.label_codec import read_label_map, write_label_map

NAMES = ClusterNames(
    ("other", "rose", "tulip & co", "red rose", *(f"c{i}" for i in range(4, 301))), np.r_[0, 1, 2, 1, 4:301]
)


@pytest.fixture
def photos(tmp_path) -> list[LabeledPhoto]:
    """Two photos: two things of one id and one of another; and one thing that is merged into the first id."""
    for name in ("trip/a.jpg", "b.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "photos" / name), np.full((60, 80, 3), 99, np.uint8))
    first, second = np.zeros((60, 80), int), np.zeros((30, 40), int)
    first[5:25, 10:30], first[40:55, 50:75], first[30:50, 5:25], first[0, 0] = 300, 300, 2, 300
    second[10:20, 5:35], second[0:3] = 3, 1000
    for name, labels in (("trip/a.jpg", first), ("b.png", second)):
        write_label_map(tmp_path / "labels" / f"{name}.png", labels)
    names = ["trip/a.jpg", "b.png"]
    maps = [tmp_path / "labels" / f"{name}.png" for name in names]
    return list(labeled_photos(tmp_path / "photos", names, maps, NAMES))


def painted_by_edges(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels whose middle is inside of a polygon of continuous coordinates."""
    middles = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1).reshape(-1, 2)
    return matplotlib.path.Path(points).contains_points(middles).reshape(height, width)


def test_label_maps_are_enlarged_and_merged(photos):
    assert photos[1].labels.shape == (60, 80)
    assert np.unique(photos[1].labels).tolist() == [0, 1, 1000]
    assert [(thing.id, thing.box) for thing in photos[0].things] == [
        (2, (5, 30, 20, 20)),
        (300, (10, 5, 20, 20)),
        (300, (50, 40, 25, 15)),
    ]


def test_coco(photos, tmp_path):
    coco = COCO(str(export_annotations(photos, NAMES, tmp_path / "out", "coco")))
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == ["trip/a.jpg", "b.png"]
    for photo, image in zip(photos, coco.getImgIds(), strict=True):
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image))
        painted = np.zeros_like(photo.labels)
        for annotation in annotations:
            painted[coco.annToMask(annotation) > 0] = annotation["category_id"]
            assert annotation["area"] == coco.annToMask(annotation).sum()
        expected = np.where(photo.labels == 1000, 0, photo.labels)
        assert (painted != expected).sum() <= 1
    assert {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}[2] == "tulip & co"
    assert 3 not in coco.getCatIds()


def test_yolo(photos, tmp_path):
    path = export_annotations(photos, NAMES, tmp_path / "out", "yolo")
    classes = yaml.safe_load(path.read_text())["names"]
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.jpg"), np.zeros((60, 80, 3), np.uint8))
    dataset = supervision.DetectionDataset.from_yolo(
        str(tmp_path / "images"), str(path.parent / "labels" / "trip"), str(path), force_masks=True
    )
    _, _, found = next(iter(dataset))
    painted = np.zeros((60, 80), int)
    for mask, class_id in zip(found.mask, found.class_id, strict=True):
        painted[mask] = int(classes[class_id].removeprefix("c")) if classes[class_id][0] == "c" else 2
    assert (painted == photos[0].labels).mean() > 0.97
    assert sorted(classes[i] for i in found.class_id) == ["c300", "c300", "tulip & co"]


def test_yolo_has_no_place_for_two_suffixes(photos, tmp_path):
    same = [dataclasses.replace(photos[0], name="trip/a.jpg"), dataclasses.replace(photos[1], name="trip/a.png")]
    with pytest.raises(ValueError, match=r"trip/a\.jpg and trip/a\.png would share a\.txt"):
        export_annotations(same, NAMES, tmp_path / "out", "yolo")


def test_voc(photos, tmp_path):
    out = export_annotations(photos, NAMES, tmp_path / "out", "voc")
    root = ElementTree.parse(out / "trip" / "a.jpg.xml").getroot()
    boxes = {(o.findtext("name"), *(int(v.text) for v in o.find("bndbox"))) for o in root.iter("object")}
    assert boxes == {("tulip & co", 6, 31, 25, 50), ("c300", 11, 6, 30, 25), ("c300", 51, 41, 75, 55)}


def test_cvat(photos, tmp_path):
    root = ElementTree.parse(export_annotations(photos, NAMES, tmp_path / "out", "cvat")).getroot()
    assert root.findtext("version") == "1.1"
    assert "tulip & co" in {label.findtext("name") for label in root.iter("label")}
    first = root.findall("image")[0]
    assert first.get("name") == "trip/a.jpg"
    painted = np.zeros((60, 80), bool)
    for polygon in first.findall("polygon"):
        points = np.array([[float(v) for v in point.split(",")] for point in polygon.get("points").split(";")])
        painted |= painted_by_edges(points, 60, 80)
    # The thing of one pixel is too small to count.
    assert (painted != (photos[0].labels > 0)).sum() == 1


def test_masks_and_csv(photos, tmp_path):
    out = export_annotations(photos, NAMES, tmp_path / "masks", "masks")
    np.testing.assert_array_equal(read_label_map(out / "trip" / "a.jpg.png"), photos[0].labels)
    with open(export_annotations(photos, NAMES, tmp_path / "csv", "csv"), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["photo"], row["name"], row["left"]) for row in rows] == [
        ("trip/a.jpg", "tulip & co", "5"),
        ("trip/a.jpg", "c300", "10"),
        ("trip/a.jpg", "c300", "50"),
        ("b.png", "rose", "10"),
    ]


@pytest.mark.parametrize("form", ["yolo", "cvat"])
def test_polygons_run_along_the_edges_of_pixels(tmp_path, form):
    labels = np.zeros((90, 120), int)
    labels[10:20, 30:47], labels[50, 3:120], labels[80:90, 110:120] = 1, 2, 4
    photo = LabeledPhoto("a.png", labels)
    path = export_annotations([photo], NAMES, tmp_path, form)
    if form == "yolo":
        lines = [line.split() for line in (tmp_path / "labels" / "a.txt").read_text().splitlines()]
        names = yaml.safe_load(path.read_text())["names"]
        found = {names[int(line[0])]: np.array(line[1:], float).reshape(-1, 2) * [120, 90] for line in lines}
    else:
        found = {
            polygon.get("label"): np.array([point.split(",") for point in polygon.get("points").split(";")], float)
            for polygon in ElementTree.parse(path).getroot().iter("polygon")
        }
    assert found.keys() == {"rose", "tulip & co", "c4"}
    for name, id_ in (("rose", 1), ("tulip & co", 2), ("c4", 4)):
        np.testing.assert_array_equal(painted_by_edges(found[name], 90, 120), labels == id_)
        assert found[name].min(axis=0) == pytest.approx(np.argwhere(labels == id_).min(axis=0)[::-1], abs=1e-3)
        assert found[name].max(axis=0) == pytest.approx(np.argwhere(labels == id_).max(axis=0)[::-1] + 1, abs=1e-3)


def test_yolo_keeps_every_name(photos, tmp_path):
    names = ("other", "rose \N{ROSE}", "\U00020bb7", 'a "b": #c', *NAMES.names[4:])
    path = export_annotations(photos, ClusterNames(names, np.arange(len(names))), tmp_path / "out", "yolo")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert tuple(content["names"].values()) == names[1:] and "path" not in content


def test_a_photo_that_has_changed_is_an_error(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 60, 3), 99, np.uint8))
    write_label_map(tmp_path / "a.png.png", np.ones((60, 80), int))
    labeled = labeled_photos(tmp_path, ["a.png"], [tmp_path / "a.png.png"], NAMES)
    with pytest.raises(ValueError, match=r"a\.png is of 60 x 80 pixels.* another shape: the photo has changed"):
        list(labeled)


def test_an_unknown_format_is_an_error(photos, tmp_path):
    with pytest.raises(ValueError, match="'pdf'; known are coco"):
        export_annotations(photos, NAMES, tmp_path, "pdf")
    assert not (Path(tmp_path) / "annotations.json").exists()


@pytest.mark.parametrize("form", ["voc", "cvat"])
@pytest.mark.parametrize("name", ["a\x01b.jpg", "a\udcffb.jpg"])
def test_xml_has_no_place_for_some_names(photos, tmp_path, form, name):
    with pytest.raises(ValueError, match=r"XML has no place for some character of this name. Rename the photo"):
        export_annotations([dataclasses.replace(photos[0], name=name)], NAMES, tmp_path / "out", form)
    assert not list((tmp_path / "out").rglob("*.xml"))


def test_coco_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(RuntimeError, match=r"pycocotools is missing; COCO files need: pip install 'mmluss\[export\]'"):
        export_annotations([], ClusterNames.default(2), tmp_path, "coco")
