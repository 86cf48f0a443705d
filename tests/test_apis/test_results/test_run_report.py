# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json

import cv2
import numpy as np
import pytest

from mmluss.apis.results.photo_table import make_photo_table
from mmluss.apis.results.run_report import PhotoPictures, report_facts, threshold_facts, training_losses
from mmluss.datasets.label_codec import write_label_map
from mmluss.visualization.report import Curve, Histogram

NAMES = ("other", "rose", "tulip", "mist")


def run(tmp_path, foreground: int):
    """Four photos, three clusters of which the last is empty; ``foreground`` rows of 40 of each photo are labeled."""
    photos = []
    for index in range(4):
        photo = np.full((40, 60, 3), 60 * index, np.uint8)
        cv2.imwrite(str(tmp_path / f"{index}.jpg"), photo)
        ids = np.zeros((40, 60), int)
        ids[:foreground] = 1 + index % 2
        write_label_map(tmp_path / f"{index}.png", ids)
        photos.append(str(tmp_path / f"{index}.jpg"))
    embeddings = np.array([[1, 0], [0, 1], [0.8, 0.6], [0.6, 0.8]], np.float32)
    centroids = np.array([[2, 0], [0, 1], [-1, -1]], np.float32)
    label_maps = [tmp_path / f"{index}.png" for index in range(4)]
    pictures = PhotoPictures(photos, label_maps, list("abcd"), 3, lambda path: cv2.imread(path)[..., ::-1])
    return report_facts(
        "title", {}, make_photo_table(embeddings, centroids, label_maps), embeddings, centroids, NAMES, pictures
    )


def test_facts(tmp_path):
    facts = run(tmp_path, 10)
    assert [(cluster.name, cluster.photos) for cluster in facts.clusters] == [("rose", 2), ("tulip", 2), ("mist", 0)]
    assert [[picture.caption for picture in cluster.gallery] for cluster in facts.clusters] == [
        ["a", "c"],
        ["b", "d"],
        [],
    ]
    rose = facts.clusters[0]
    assert (rose.id, rose.closest) == (1, "tulip") and rose.similarity == pytest.approx(0)
    assert rose.share == pytest.approx(0.125)
    assert [point.picture.caption for point in facts.points] == list("abcd")
    assert {picture.caption for picture in facts.uncertain[:2]} == {"c", "d"}
    assert list(facts.warnings) == ["1 of 3 clusters have no photo (ids 3): try fewer clusters."]


@pytest.mark.parametrize(("rows", "share"), [(0, "0.00"), (40, "100.00")])
def test_all_or_nothing_is_a_warning(tmp_path, rows, share):
    assert run(tmp_path, rows).warnings[0].startswith(f"{share} % of all pixels are foreground")


def test_losses_are_those_of_the_last_attempt(tmp_path):
    for attempt, records in (("1", [(1, 3.0), (2, 2.0)]), ("2", [(2, 2.5), (3, 1.0)])):
        (tmp_path / attempt / "vis_data").mkdir(parents=True)
        lines = [json.dumps(dict(step=step, loss=loss)) for step, loss in records] + [json.dumps(dict(step=9, lr=1))]
        (tmp_path / attempt / "vis_data" / "scalars.json").write_text("\n".join(lines))
    curves = training_losses({"step 1": tmp_path, "none": tmp_path / "nowhere"})
    assert list(curves) == ["step 1"]
    assert curves["step 1"].x.tolist() == [1, 2, 3] and curves["step 1"].y.tolist() == [3.0, 2.5, 1.0]


def test_threshold(tmp_path):
    swept = threshold_facts(dict(threshold=dict(value=0.4, thresholds=[0.2, 0.4], miou_of_threshold=[30, 31])))
    assert isinstance(swept["sweep"], Curve) and swept["sweep"].chosen == 0.4
    looked = threshold_facts(dict(threshold=dict(value=0.6, histogram=[1, 2, 3, 4])))
    assert isinstance(looked["histogram"], Histogram) and looked["histogram"].edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert threshold_facts(dict(threshold=dict(value=0.6))) == {}
