# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math
import re

import pytest
import torch
import torch.nn.functional as F

from mmluss.models import PixelAttentionHead


@pytest.fixture
def head() -> PixelAttentionHead:
    head = PixelAttentionHead(in_channels=6).eval()
    torch.nn.init.normal_(head.offset)
    return head


@pytest.fixture
def feature_map() -> torch.Tensor:
    return torch.randn(2, 6, 3, 5)


def test_starts_without_offset_and_centroids():
    head = PixelAttentionHead(in_channels=6)
    assert not head.offset.any()
    assert head.num_clusters == 0
    assert math.isnan(head.threshold)


@pytest.mark.parametrize("upsampling", [1, 4])
def test_attention_is_the_definition(feature_map, upsampling):
    head = PixelAttentionHead(in_channels=6, upsampling=upsampling).eval()
    torch.nn.init.normal_(head.offset)
    features, attention = head(feature_map)
    size = (3 * upsampling, 5 * upsampling)
    enlarged = F.interpolate(feature_map, size=size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(features, enlarged)
    first, norm, _, second, norm2 = head.layers
    hidden = norm(first(enlarged / enlarged.norm(dim=1, keepdim=True))).clamp(min=0)
    torch.testing.assert_close(attention, torch.sigmoid(norm2(second(hidden)) + head.offset))
    assert attention.shape == (2, 6, *size)


def test_trained_vector_uses_unit_features_and_clustered_one_does_not(head, feature_map):
    features, attention = head(feature_map)
    torch.testing.assert_close(
        head.attended_embeddings(feature_map), (F.normalize(features, dim=1) * attention).mean(dim=(2, 3))
    )
    torch.testing.assert_close(head.cluster_embeddings(feature_map), (features * attention).mean(dim=(2, 3)))


def test_saliency_takes_the_place_of_the_attention(head, feature_map):
    saliency = torch.rand(2, 1, 24, 40)
    features, _ = head(feature_map)
    weights = F.interpolate(saliency, size=features.shape[-2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(head.cluster_embeddings(feature_map, saliency), (features * weights).mean(dim=(2, 3)))


def test_pixels_get_their_nearest_centroid(head, feature_map):
    centroids = torch.randn(7, 6)
    head.set_centroids(centroids, 0.4)
    category, score = head.pixel_scores(feature_map)
    features, attention = head(feature_map)
    cosines = F.cosine_similarity(features[:, None], centroids[None, :, :, None, None], dim=2)
    assert torch.equal(category, cosines.argmax(dim=1) + 1)
    torch.testing.assert_close(score, attention.mean(dim=1))
    assert head.num_clusters == 7
    assert float(head.threshold) == pytest.approx(0.4)


def test_centroids_travel_in_the_state_dict(head):
    head.set_centroids(torch.randn(7, 6), 0.4)
    fresh = PixelAttentionHead(in_channels=6)
    fresh.load_state_dict(head.state_dict())
    assert torch.equal(fresh.centroids, head.centroids)
    assert torch.equal(fresh.threshold, head.threshold)


def test_without_centroids_no_pixel_has_a_name(head, feature_map):
    with pytest.raises(RuntimeError, match="holds no centroids, so it cannot name pixels: test the checkpoint that"):
        head.pixel_scores(feature_map)


@pytest.mark.parametrize("shape", [(7, 5), (6,)])
def test_centroids_of_another_width_are_refused(head, shape):
    message = f"Centroids must be (K, 6) for this feature map, got {shape}."
    with pytest.raises(ValueError, match=re.escape(message)):
        head.set_centroids(torch.zeros(shape), 0.4)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_centroids_that_are_not_finite_are_refused(head, value):
    centroids = torch.zeros(7, 6)
    centroids[3, 2] = value
    with pytest.raises(ValueError, match="Centroids are not finite"):
        head.set_centroids(centroids, 0.4)
