# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.datasets.synthetic import scenes as synthetic_scenes
from mmluss.datasets.synthetic.objects import OBJECTS
from mmluss.datasets.synthetic.scenes import CATEGORIES, SIZES, load_photos, polygon_coverage, render_scene

CATEGORY_IDS = range(1, len(CATEGORIES) + 1)


@pytest.fixture(autouse=True)
def fresh_photos():
    yield
    load_photos.cache_clear()


@pytest.mark.parametrize("category", CATEGORY_IDS)
def test_scene(category):
    image, ids = render_scene(category, np.random.default_rng(category))
    assert image.dtype == np.uint8 and ids.dtype == np.uint16
    assert image.shape == (*ids.shape, 3) and ids.shape in SIZES
    assert set(np.unique(ids)) == {0, category, IGNORE_INDEX}
    edge = np.concatenate([ids[0], ids[-1], ids[:, 0], ids[:, -1]])
    assert not edge.any()
    assert 0.08 < (ids == category).mean() < 0.5
    again = render_scene(category, np.random.default_rng(category))
    assert all(np.array_equal(*pair) for pair in zip((image, ids), again, strict=True))


@pytest.mark.parametrize("category", CATEGORY_IDS)
def test_mask_lies_on_the_object(category):
    # Both colors of the pattern show inside of the mask, and the background beside it is smooth.
    image, ids = render_scene(category, np.random.default_rng(10 + category))
    detail = np.abs(cv2.Laplacian(cv2.GaussianBlur(image, (0, 0), 1.5), cv2.CV_32F)).max(axis=2)
    assert detail[ids == category].mean() > 1.5 * detail[ids == 0].mean()


@pytest.mark.parametrize("name", CATEGORIES)
def test_coverage_of_outlines(name):
    outline, _ = OBJECTS[name]
    assert np.linalg.norm(outline, axis=1).max() == pytest.approx(1, abs=1e-3)
    corners = outline * 40 + (50.3, 44.8)
    coverage = polygon_coverage(corners, 90, 100)
    x, y = corners.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert coverage.sum() == pytest.approx(area, rel=0.02)
    contour = corners.astype(np.float32)
    for row, column in zip(*np.nonzero(coverage == 1), strict=True):
        assert cv2.pointPolygonTest(contour, (column + 0.5, row + 0.5), True) > 0.2
    for row, column in zip(*np.nonzero(coverage == 0), strict=True):
        assert cv2.pointPolygonTest(contour, (column + 0.5, row + 0.5), True) < -0.2


def test_mean_color_names_no_category():
    per_category = 25
    means = [
        render_scene(category, np.random.default_rng([category, number]))[0].mean((0, 1))
        for category in CATEGORY_IDS
        for number in range(per_category)
    ]
    truth = np.repeat(np.arange(len(CATEGORIES)), per_category)
    _, clusters = kmeans2(np.array(means), len(CATEGORIES), minit="++", rng=0)
    counts = np.zeros((len(CATEGORIES), len(CATEGORIES)))
    np.add.at(counts, (clusters, truth), 1)
    assert counts[linear_sum_assignment(-counts)].sum() / len(truth) < 0.3


def test_missing_package_is_named(monkeypatch):
    load_photos.cache_clear()
    monkeypatch.setattr(synthetic_scenes, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"package skimage not found: .*pip install scikit-image"):
        load_photos()


def test_missing_photo_is_named(monkeypatch):
    load_photos.cache_clear()
    monkeypatch.setattr(synthetic_scenes, "PHOTOS", {"skimage": ("data/no_such_photo.png",)})
    with pytest.raises(FileNotFoundError, match=r"no_such_photo\.png is missing or unreadable; reinstall skimage"):
        load_photos()
