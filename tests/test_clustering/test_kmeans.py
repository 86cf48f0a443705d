# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import faiss
import numpy as np
import pytest

from mmluss.clustering.kmeans import assign_rows, kmeans, normalize_rows


def blobs(count: int = 2000, clusters: int = 3, channels: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, clusters, count)
    centers = 3 * rng.standard_normal((clusters, channels))
    return (centers[labels] + 0.05 * rng.standard_normal((count, channels))).astype(np.float32), labels


def test_normalized_rows():
    rows = np.array([[3, 4], [0, 0]], np.float16)
    np.testing.assert_allclose(normalize_rows(rows), [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert normalize_rows(rows).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_every_row_takes_part(dtype, tmp_path, capfd):
    """Converged centroids are the means of all rows of their cluster: nothing was sampled, and nobody complains."""
    rows, labels = blobs()
    np.save(tmp_path / "rows.npy", rows.astype(dtype))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    found = kmeans(mapped, 3, restarts=4)
    exact = mapped.astype(np.float64)
    for cluster in range(3):
        members = found.assignments == cluster
        assert len(np.unique(labels[members])) == 1
        np.testing.assert_allclose(found.centroids[cluster], exact[members].mean(axis=0), atol=1e-5)
    distances = ((exact[:, None] - found.centroids[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found.assignments, distances.argmin(axis=1))
    assert found.objective == pytest.approx(distances.min(axis=1).mean(), rel=1e-3)
    assert "WARNING" not in "".join(capfd.readouterr())


def test_same_seed_same_centroids_and_more_restarts_are_not_worse():
    rows = normalize_rows(np.random.default_rng(0).standard_normal((400, 8)))
    few, again, many, other = (kmeans(rows, 10, restarts=r, seed=s) for r, s in ((2, 0), (2, 0), (12, 0), (2, 1)))
    np.testing.assert_array_equal(few.centroids, again.centroids)
    assert not np.array_equal(few.centroids, other.centroids)
    assert many.objective <= few.objective


def test_far_starts_reach_an_optimum_that_random_ones_miss():
    rows, _ = blobs(count=1000, clusters=20, channels=8)
    random, far = (kmeans(rows, 20, restarts=5, start=start).objective for start in ("random", "k-means++"))
    assert far == pytest.approx(8 * 0.05**2, rel=0.05)
    assert random > 1.05 * far


def test_spherical_centroids_have_length_one():
    rows = normalize_rows(np.random.default_rng(0).standard_normal((300, 8)))
    found = kmeans(rows.astype(np.float16), 5, restarts=2, spherical=True)
    np.testing.assert_allclose(np.linalg.norm(found.centroids, axis=1), 1, atol=1e-5)
    assert (np.linalg.norm(kmeans(rows, 5, restarts=2).centroids, axis=1) < 0.9).all()


def test_far_starts_need_a_faiss_that_has_them(monkeypatch):
    monkeypatch.delattr(faiss, "ClusteringInitMethod_KMEANS_PLUS_PLUS")
    with pytest.raises(ValueError, match="install faiss"):
        kmeans(np.eye(4, dtype=np.float32), 2, start="k-means++")


def test_finished_restarts_are_not_repeated(tmp_path):
    rows, _ = blobs(count=100)
    first = kmeans(rows, 3, restarts=2, restart_folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["restart_000.npz", "restart_001.npz"]
    better = first.centroids + 1
    np.savez(tmp_path / "restart_001.npz", key="", objective=-1.0, centroids=better)
    np.testing.assert_array_equal(kmeans(rows, 3, restarts=3, restart_folder=tmp_path).centroids, better)


def test_as_many_clusters_as_rows():
    rows = np.eye(4, dtype=np.float32)
    assert kmeans(rows, 4, restarts=1).objective == pytest.approx(0, abs=1e-6)


def test_rows_are_assigned_in_blocks(monkeypatch):
    rows, _ = blobs(count=50)
    whole = assign_rows(rows, rows[:4])
    monkeypatch.setattr("mmluss.clustering.kmeans.BLOCK_BYTES", 4 * 5 * 7)
    parts = assign_rows(rows, rows[:4])
    np.testing.assert_array_equal(whole.assignments, parts.assignments)
    assert whole.objective == pytest.approx(parts.objective)


def test_rows_decoded_once_and_in_each_round_give_the_same(monkeypatch, tmp_path):
    rows, _ = blobs(count=400)
    np.save(tmp_path / "rows.npy", rows.astype(np.float16))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    encoded = []
    train = faiss.Clustering.train_encoded
    monkeypatch.setattr(faiss.Clustering, "train_encoded", lambda *values: encoded.append(1) or train(*values))
    once = kmeans(mapped, 4, restarts=2)
    assert encoded == []
    monkeypatch.setattr("mmluss.clustering.kmeans.DECODED_BYTES", 4 * rows.size - 1)
    each = kmeans(mapped, 4, restarts=2)
    assert encoded == [1, 1]
    np.testing.assert_array_equal(once.assignments, each.assignments)
    np.testing.assert_allclose(once.centroids, each.centroids, atol=1e-6)


@pytest.mark.parametrize(("processes", "used"), [(1, ["all"]), (4, [1])])
def test_gpus_are_used_where_faiss_sees_some(monkeypatch, processes, used):
    """One process takes all GPUs, one of several the GPU of its local rank."""
    indices = []

    def all_gpus(index):
        indices.append("all")
        return index

    def one_gpu(resources, device, index):
        indices.append(device)
        return index

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 2)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", all_gpus)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", one_gpu, raising=False)
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr("mmluss.clustering.kmeans.dist.get_world_size", lambda: processes)
    monkeypatch.setenv("LOCAL_RANK", "3")
    rows, _ = blobs(count=50)
    assert len(np.unique(assign_rows(rows, rows[:4]).assignments)) == 4
    assert indices == used


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (np.zeros((4, 2), np.float32), dict(num_clusters=5), "4 images cannot make 5 clusters"),
        (np.zeros((4, 2), np.float64), dict(num_clusters=2), "float16 or float32"),
        (np.array([[1, 0], [np.nan, 0]], np.float16), dict(num_clusters=2), "row 1 .* NaN"),
        (np.zeros((4, 2), np.float32), dict(num_clusters=2, restarts=0), "at least one restart"),
        (np.zeros((4, 2), np.float32), dict(num_clusters=2, start="far"), "not 'far'"),
    ],
)
def test_bad_input(rows, settings, message):
    with pytest.raises(ValueError, match=message):
        kmeans(rows, **settings)
