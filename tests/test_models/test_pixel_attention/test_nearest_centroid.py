# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch

from mmluss.models.pixel_attention.nearest_centroid import nearest_centroids, resize_pixel_labels


@pytest.mark.parametrize("max_similarities", [1, 50, 2**24])
def test_clusters_are_the_largest_cosine(max_similarities):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 6, 5, 7, generator=generator)
    centroids = torch.randn(9, 6, generator=generator) * torch.arange(1, 10)[:, None]
    expected = np.empty((2, 5, 7), np.int64)
    for b, y, x in np.ndindex(2, 5, 7):
        vector = features[b, :, y, x].double()
        cosines = [float(vector @ c.double() / vector.norm() / c.double().norm()) for c in centroids]
        expected[b, y, x] = 1 + int(np.argmax(cosines))
    result = nearest_centroids(features, centroids, max_similarities)
    assert result.dtype == torch.int64
    np.testing.assert_array_equal(result.numpy(), expected)


def test_scale_of_features_and_half_precision_keep_the_cluster():
    centroids = torch.eye(4)
    features = torch.eye(4)[[2, 0, 3, 1]].T.reshape(1, 4, 2, 2)
    expected = torch.tensor([[[3, 1], [4, 2]]])
    assert torch.equal(nearest_centroids(features * 1e-3, centroids), expected)
    assert torch.equal(nearest_centroids(features.half(), centroids.half()), expected)


@pytest.mark.parametrize("shape", [(3, 5), (0, 6)])
def test_centroids_of_another_width_are_refused(shape):
    with pytest.raises(ValueError, match="another backbone"):
        nearest_centroids(torch.zeros(1, 6, 2, 2), torch.zeros(shape))


def test_threshold_is_compared_in_float32():
    score = torch.tensor([[0.41, 0.40999]])
    label, resized = resize_pixel_labels(torch.full((1, 2), 3), score, (1, 2), 0.41)
    assert torch.equal(resized, score)
    assert label.tolist() == [[3, 0]]


def test_resizing_is_nearest_for_clusters_and_bilinear_for_scores():
    cluster = torch.tensor([[1, 2], [3, 919]])
    label, score = resize_pixel_labels(cluster, torch.tensor([[0.0, 1.0], [0.0, 1.0]]), (4, 4), torch.tensor(0.25))
    np.testing.assert_allclose(score[0].numpy(), [0.0, 0.25, 0.75, 1.0])
    assert label.dtype == torch.int64
    assert label.tolist() == [[0, 1, 2, 2]] * 2 + [[0, 3, 919, 919]] * 2


def test_a_saliency_map_at_image_size_is_left_as_it_is():
    saliency = torch.rand(5, 7, generator=torch.Generator().manual_seed(0))
    label, score = resize_pixel_labels(torch.ones(2, 3, dtype=torch.int64), saliency, (5, 7), 0.5)
    assert torch.equal(score, saliency)
    assert torch.equal(label == 0, saliency < 0.5)


def test_without_a_threshold_every_pixel_keeps_its_cluster():
    label, score = resize_pixel_labels(torch.full((2, 2), 7), torch.zeros(2, 2), (3, 3), None)
    assert label.tolist() == [[7] * 3] * 3
    assert not score.any()


def test_clusters_are_taken_under_their_former_name():
    with pytest.warns(FutureWarning, match='"category" is called "cluster" now'):
        label, _ = resize_pixel_labels(
            category=torch.full((2, 2), 7), score=torch.zeros(2, 2), size=(2, 2), threshold=None
        )
    assert label.tolist() == [[7, 7]] * 2
