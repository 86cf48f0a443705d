# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.clustering.cluster_agreement import matched_accuracy, normalized_mutual_information
from mmluss.clustering.kmeans import assign_rows, kmeans, normalize_rows

RESTARTS = 30


@pytest.mark.golden_kind("kmeans")
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_objective_and_agreement(case, dtype):
    arrays, settings = case.arrays, case.settings
    reference = arrays["results"][arrays["results"][:, 0] == RESTARTS]
    rows = normalize_rows(arrays["X"]).astype(dtype)
    found = kmeans(rows, settings["k"], iterations=settings["iterations"], restarts=RESTARTS, seed=0)
    exact = normalize_rows(arrays["X"])
    objective = ((exact - found.centroids[found.assignments]) ** 2).sum(axis=1).mean()
    assert objective <= case.limit("objective") * reference[:, 2].max()
    assert found.objective == pytest.approx(objective, rel=1e-2)
    nmi = normalized_mutual_information(found.assignments, arrays["planted"])
    assert nmi >= reference[:, 4].min() - case.limit("nmi", after="row - ")


@pytest.mark.golden_kind("kmeans")
def test_reference_centroids_give_the_reference_labels_and_scores(case):
    arrays = case.arrays
    rows, others = normalize_rows(arrays["X"]), normalize_rows(arrays["V"])
    for restarts in (1, RESTARTS):
        centroids = arrays[f"centroids_nredo{restarts}"]
        found = assign_rows(rows, centroids)
        row = arrays["results"][arrays["results"][:, 0] == restarts][-1]
        assert found.objective == pytest.approx(row[2], rel=1e-4)
        labels = arrays[f"labels_nredo{restarts}"]
        assert (found.assignments == labels).mean() > 0.999
        assert normalized_mutual_information(labels, arrays["planted"]) == pytest.approx(row[4], abs=1e-6)
        assert matched_accuracy(labels, arrays["planted"]) == pytest.approx(row[5], abs=1e-6)
        np.testing.assert_array_equal(assign_rows(others, centroids).assignments, arrays[f"val_labels_nredo{restarts}"])
