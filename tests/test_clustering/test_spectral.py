# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from sklearn.manifold import spectral_embedding as sklearn_embedding

from mmluss.clustering import spectral
from mmluss.clustering.cluster_agreement import matched_accuracy
from mmluss.clustering.kmeans import kmeans, normalize_rows
from mmluss.clustering.landmarks import landmark_embedding
from mmluss.clustering.neighbor_graph import neighbor_graph
from mmluss.clustering.spectral import (
    SpectralResult,
    member_means,
    spectral_clusters,
    spectral_embedding,
    spectral_vectors,
    suggest_num_clusters,
)
from tests.helpers.two_processes import run_in_two_processes


def arcs(count: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three long parallel arcs on a sphere, of which k-means cuts each into pieces."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    along, height = rng.uniform(-1.4, 1.4, count), 0.45 * (labels - 1) + 0.02 * rng.standard_normal(count)
    rows = np.stack([np.cos(along) * np.cos(height), np.sin(along) * np.cos(height), np.sin(height)], axis=1)
    return normalize_rows(rows), labels


def test_arcs_are_found_where_kmeans_cuts_them():
    rows, labels = arcs()
    vectors, _ = spectral_embedding(neighbor_graph(rows, 10), 3)
    assert matched_accuracy(kmeans(vectors, 3).assignments, labels) == 1
    assert matched_accuracy(kmeans(rows, 3).assignments, labels) < 0.8


@pytest.mark.parametrize(("neighbors", "parts"), [(90, 1), (10, 3)])
def test_embedding_is_that_of_scikit_learn(neighbors, parts):
    graph = neighbor_graph(arcs()[0], neighbors)
    assert connected_components(graph)[0] == parts
    vectors, eigenvalues = spectral_embedding(graph, 5)
    expected = normalize_rows(sklearn_embedding(graph, n_components=5, drop_first=False, random_state=0))
    if parts == 1:
        np.testing.assert_allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-3)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    laplacian = np.eye(len(degree)) - graph.toarray() / np.sqrt(degree[:, None] * degree[None])
    np.testing.assert_allclose(eigenvalues, np.linalg.eigvalsh(laplacian)[:6], atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("landmarks", [None, 60])
def test_centroids_are_means_that_give_their_members_back(dtype, landmarks, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    rows = normalize_rows(np.eye(4, 8)[labels] + 0.1 * rng.standard_normal((300, 8))).astype(dtype)
    folder = tmp_path / "not" / "there"
    found = spectral_clusters(rows, 4, num_landmarks=landmarks, restarts=3, folder=folder)
    assert matched_accuracy(found.assignments, labels) == 1
    assert found.kept == 1
    np.testing.assert_allclose(found.centroids, member_means(rows, found.assignments, 4), rtol=1e-5)
    exact = [rows[found.assignments == cluster].astype(np.float64).mean(axis=0) for cluster in range(4)]
    np.testing.assert_allclose(found.centroids, exact, atol=1e-5)
    assert (folder / "spectral_vectors.npy").is_file() == (landmarks is not None)
    assert len(list((folder / "restarts").iterdir())) == 3


def test_landmarks_take_over_where_there_are_many_rows(tmp_path, monkeypatch):
    rows, _ = arcs(count=500)
    monkeypatch.setattr(spectral, "MAX_GRAPH_ROWS", 500)
    few = spectral_clusters(rows, 3).eigenvalues
    monkeypatch.setattr(spectral, "MAX_GRAPH_ROWS", 499)
    assert not np.array_equal(spectral_clusters(rows, 3, folder=tmp_path).eigenvalues, few)
    assert (tmp_path / "spectral_vectors.npy").is_file()


@pytest.mark.parametrize("landmarks", [None, 60])
def test_what_all_rows_share_plays_no_part(landmarks):
    rng = np.random.default_rng(0)
    rows = normalize_rows(rng.standard_normal((300, 8)) + 3).astype(np.float32)
    centered = normalize_rows(rows - rows.mean(axis=0))

    def eigenvalues(rows: np.ndarray) -> np.ndarray:
        if landmarks is None:
            return spectral_embedding(neighbor_graph(rows, 10), 4)[1]
        return landmark_embedding(rows, 4, landmarks)[1]

    found = spectral_clusters(rows, 4, num_landmarks=landmarks, restarts=3).eigenvalues
    np.testing.assert_allclose(found, eigenvalues(centered), atol=1e-4)
    assert not np.allclose(found, eigenvalues(rows), atol=1e-3)


@pytest.mark.parametrize("landmarks", [None, 20])
def test_rows_that_are_not_finite_are_named(landmarks):
    rows = normalize_rows(np.random.default_rng(0).standard_normal((60, 8)))
    rows[3, 2] = np.nan
    with pytest.raises(ValueError, match="row 3 of the embeddings holds NaN"):
        spectral_clusters(rows, 3, num_landmarks=landmarks)


def test_more_parts_than_clusters():
    """Rows of the smallest parts go to the nearest of the clusters that the others make."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), (60, 50, 40, 30, 20, 10))
    rows = normalize_rows(np.eye(6)[labels] + 0.03 * rng.standard_normal((210, 6)))
    found = spectral_clusters(rows, 3, neighbors=5)
    assert len(np.unique(found.assignments)) == 3
    assert matched_accuracy(found.assignments[:150], labels[:150]) == 1


def test_seed_and_neighbors_count():
    rows = normalize_rows(np.random.default_rng(0).standard_normal((200, 8)))
    first, again, seed, few = (
        spectral_clusters(rows, 9, neighbors=n, restarts=1, seed=s) for n, s in ((20, 0), (20, 0), (20, 1), (5, 0))
    )
    np.testing.assert_array_equal(first.centroids, again.centroids)
    np.testing.assert_array_equal(first.eigenvalues, seed.eigenvalues)
    assert not np.array_equal(first.centroids, seed.centroids)
    assert not np.allclose(first.eigenvalues, few.eigenvalues)


def test_mean_of_a_cluster_without_rows_is_zero():
    np.testing.assert_array_equal(
        member_means(np.ones((2, 3), np.float16), np.array([2, 2]), 3), [[0] * 3] * 2 + [[1] * 3]
    )


@pytest.mark.parametrize("landmarks", [None, 60])
@pytest.mark.parametrize("planted", [2, 3, 5])
def test_eigengap_finds_the_planted_number(planted, landmarks):
    rng = np.random.default_rng(0)
    labels = np.arange(240) % planted
    rows = normalize_rows(np.eye(planted, 8)[labels] + 0.1 * rng.standard_normal((240, 8)))
    _, eigenvalues = spectral_vectors(rows, 8, neighbors=10, num_landmarks=landmarks)
    assert suggest_num_clusters(eigenvalues) == planted
    assert suggest_num_clusters(eigenvalues, smallest=6) >= 6


def test_messages():
    rows = np.eye(4, dtype=np.float32)
    with pytest.raises(ValueError, match="into 3 clusters does not suit 4 images"):
        spectral_clusters(rows, 3)
    with pytest.raises(ValueError, match="4 images has no 3 spectral dimensions"):
        spectral_embedding(neighbor_graph(rows, 2), 3)
    with pytest.raises(ValueError, match="cannot suggest 4 or more"):
        suggest_num_clusters(np.arange(4.0), smallest=4)


def _process(rank: int, folder: str) -> None:
    rows = normalize_rows(np.random.default_rng(0).standard_normal((300, 8)))
    for landmarks in (0, 40):
        found = spectral_clusters(rows, 6, num_landmarks=landmarks or None, restarts=3)
        np.savez(f"{folder}/{landmarks}-{rank}.npz", **vars(found))


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path):
    run_in_two_processes(_process, str(tmp_path))
    rows = normalize_rows(np.random.default_rng(0).standard_normal((300, 8)))
    for landmarks in (0, 40):
        alone = spectral_clusters(rows, 6, num_landmarks=landmarks or None, restarts=3)
        assert isinstance(alone, SpectralResult)
        for rank in range(2):
            with np.load(tmp_path / f"{landmarks}-{rank}.npz") as stored:
                np.testing.assert_array_equal(stored["assignments"], alone.assignments)
                np.testing.assert_array_equal(stored["centroids"], alone.centroids)
