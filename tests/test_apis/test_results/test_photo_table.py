# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.apis.results.photo_table import make_photo_table
from mmluss.datasets.label_codec import write_label_map


@pytest.fixture
def label_maps(tmp_path):
    maps = [np.zeros((4, 5), int) for _ in range(4)]
    maps[0][:, :3] = 2
    maps[1][:2], maps[1][2:] = 1, 3
    maps[2][0, 0], maps[2][1:] = 1000, 3
    maps[3][:3], maps[3][3, 0] = 300, 1
    for index, ids in enumerate(maps):
        write_label_map(tmp_path / f"{index}.png", ids)
    return [tmp_path / f"{index}.png" for index in range(4)]


def test_table(label_maps):
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(300, 8)).astype(np.float32)
    near = centroids[[1, 0, 2, 299]] + rng.normal(size=(4, 8)) * [[0.02], [0.3], [0.01], [0.1]]
    embeddings = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float16)
    table = make_photo_table(embeddings, centroids, label_maps)
    cosines = embeddings.astype(float) @ (centroids / np.linalg.norm(centroids, axis=1, keepdims=True)).T
    np.testing.assert_array_equal(table.cluster, cosines.argmax(axis=1) + 1)
    np.testing.assert_allclose(table.typicality, cosines.max(axis=1), atol=1e-3)
    np.testing.assert_allclose(table.margin, np.diff(np.sort(cosines)[:, -2:])[:, 0], atol=1e-3)
    np.testing.assert_array_equal(table.least_certain(2), np.argsort(table.margin)[:2])
    assert table.pixels[[3], [1]] == 1 and table.pixels[[3], [300]] == 15 and table.pixels[[2], [0]] == 4
    assert table.with_several_things().tolist() == [1]
    np.testing.assert_allclose(table.shares()[[0, 1, 2, 3, 300]], np.array([8 + 0 + 4 + 4, 11, 12, 25, 15]) / 79)


def test_most_typical_first(label_maps):
    embeddings = np.array([[1, 0.5], [1, 0], [0, 1], [1, 0.1]])
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)
    table = make_photo_table(embeddings, np.concatenate([np.eye(2), -np.ones((298, 2))]), label_maps)
    assert table.photos_of(1, 2).tolist() == [1, 3]
    assert table.photos_of(2, 9).tolist() == [2]
    assert table.photos_of(7, 9).tolist() == []


def test_label_maps_of_another_run_are_named(label_maps):
    with pytest.raises(ValueError, match=r"3\.png holds the id 300, but there are 3 clusters"):
        make_photo_table(np.ones((4, 2), np.float32), np.ones((3, 2)), label_maps)


def test_no_photo_is_of_a_cluster_without_centroid(label_maps):
    embeddings = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    table = make_photo_table(embeddings, np.concatenate([np.zeros((298, 2)), np.eye(2)]), label_maps)
    assert table.cluster.tolist() == [299, 300, 299, 300]
    assert np.isfinite(table.typicality).all() and np.isfinite(table.margin).all()
