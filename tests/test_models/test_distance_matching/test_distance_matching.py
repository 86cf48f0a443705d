# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmluss.models.distance_matching.distance_matching import knn_labels, support_embeddings


def enlarged_bilinear(features: np.ndarray, factor: int) -> np.ndarray:
    """(C, factor * h, factor * w) float64, pixel centers aligned, edges repeated."""
    for axis in (1, 2):
        length = features.shape[axis]
        centers = np.clip((np.arange(length * factor) + 0.5) / factor - 0.5, 0, length - 1)
        low = np.floor(centers).astype(int)
        high = np.minimum(low + 1, length - 1)
        weight = (centers - low).reshape([-1 if other == axis else 1 for other in range(3)])
        features = features.take(low, axis) * (1 - weight) + features.take(high, axis) * weight
    return features


def slow_supports(features: np.ndarray, mask: np.ndarray, factor: int) -> list[tuple[int, np.ndarray]]:
    enlarged = enlarged_bilinear(features.astype(np.float64), factor)
    _, height, width = enlarged.shape
    sums: dict[int, np.ndarray] = {}
    for y in range(height):
        for x in range(width):
            label = int(mask[y * mask.shape[0] // height, x * mask.shape[1] // width])
            if label != 1000:
                sums[label] = sums.get(label, 0) + enlarged[:, y, x]
    return [(label, sums[label] / (height * width)) for label in sorted(sums)]


def slow_labels(
    features: np.ndarray, supports: np.ndarray, labels: list[int], k: int, temperature: float, factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """Label map, and where the decision is closer than rounding."""
    enlarged = enlarged_bilinear(features.astype(np.float64), factor)
    _, height, width = enlarged.shape
    result, unsure = np.empty((height, width), int), np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            query = enlarged[:, y, x]
            cosines = [float(query @ s) / math.sqrt(query @ query) / math.sqrt(s @ s) for s in supports]
            order = sorted(range(len(cosines)), key=lambda index: -cosines[index])
            votes: Counter[int] = Counter()
            for index in order[:k]:
                votes[labels[index]] += math.exp(cosines[index] / temperature)
            ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0]))
            result[y, x] = ranked[0][0]
            unsure[y, x] = len(order) > k and cosines[order[k - 1]] - cosines[order[k]] < 1e-5
            unsure[y, x] |= len(ranked) > 1 and ranked[0][1] - ranked[1][1] < 1e-4 * ranked[0][1]
    return result, unsure


@pytest.mark.parametrize(("shape", "size", "upsampling"), [((6, 3, 4), (31, 40), 4), ((5, 4, 3), (7, 6), 2)])
def test_supports_equal_a_double_loop(shape, size, upsampling):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator)
    mask = torch.tensor([0, 3, 7, 919, 1000])[torch.randint(5, size, generator=generator)]
    mask[: size[0] // 2, : size[1] // 2] = 0
    embeddings, labels = support_embeddings(features, mask, upsampling)
    expected = slow_supports(features.numpy(), mask.numpy(), upsampling)
    assert embeddings.dtype == torch.float32
    assert labels.tolist() == [label for label, _ in expected]
    np.testing.assert_allclose(embeddings.numpy(), np.stack([mean for _, mean in expected]), atol=1e-6)


def test_an_image_of_ignored_pixels_gives_no_support():
    embeddings, labels = support_embeddings(torch.ones(3, 2, 2), torch.full((9, 9), 1000))
    assert embeddings.shape == (0, 3)
    assert labels.shape == (0,)


@pytest.mark.parametrize("max_similarities", [1, 3000, 2**24])
@pytest.mark.parametrize(("k", "temperature", "upsampling"), [(10, 0.07, 4), (1, 0.07, 4), (7, 0.3, 1), (10, 0.005, 3)])
def test_labels_equal_a_double_loop(k, temperature, upsampling, max_similarities):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(8, 4, 5, generator=generator)
    supports = torch.randn(60, 8, generator=generator)
    labels = torch.randint(0, 12, (60,), generator=generator) * 83
    result = knn_labels(
        features, F.normalize(supports, dim=1), labels, k, temperature, upsampling, max_similarities=max_similarities
    )
    expected, unsure = slow_labels(features.numpy(), supports.numpy(), labels.tolist(), k, temperature, upsampling)
    assert result.dtype == torch.int64
    assert unsure.mean() < 0.02
    np.testing.assert_array_equal(result.numpy()[~unsure], expected[~unsure])


def test_fewer_supports_than_neighbors():
    supports, labels = torch.eye(3), torch.tensor([0, 50, 919])
    result = knn_labels(torch.eye(3)[:, None], supports, labels, k=10, upsampling=1)
    assert result.tolist() == [[0, 50, 919]]


def test_many_weak_votes_beat_a_strong_one_only_at_high_temperature():
    angles = torch.tensor([0.1, 0.3, 0.31, 0.32])
    supports = torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = torch.tensor([5, 2, 2, 2])
    query = torch.tensor([1.0, 0.0])[:, None, None]
    assert knn_labels(query, supports, labels, temperature=1.0).unique().tolist() == [2]
    assert knn_labels(query, supports, labels, temperature=1e-3).unique().tolist() == [5]


def test_scale_and_precision_of_features_keep_the_labels():
    generator = torch.Generator().manual_seed(2)
    features = torch.rand(16, 3, 3, generator=generator).half()
    supports = F.normalize(torch.rand(30, 16, generator=generator), dim=1)
    labels = torch.arange(30) % 7
    expected = knn_labels(features.float(), supports, labels)
    assert torch.equal(knn_labels(features, supports, labels), expected)
    assert torch.equal(knn_labels(features.float() * 2**10, supports, labels), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(knn_labels(features, supports, labels), expected)


@pytest.mark.parametrize("shape", [(4, 5), (0, 6)])
def test_supports_of_another_width_are_refused(shape):
    with pytest.raises(ValueError, match="another backbone"):
        knn_labels(torch.zeros(6, 2, 2), torch.zeros(shape), torch.zeros(shape[0], dtype=torch.int64))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_labels_of_the_cpu():
    generator = torch.Generator().manual_seed(3)
    features = torch.rand(512, 8, 11, generator=generator)
    supports = F.normalize(torch.rand(2000, 512, generator=generator), dim=1)
    labels = torch.randint(0, 300, (2000,), generator=generator)
    mask = torch.randint(0, 4, (64, 88), generator=generator)
    embeddings, ids = support_embeddings(features.cuda(), mask.cuda())
    expected_embeddings, expected_ids = support_embeddings(features, mask)
    torch.testing.assert_close(embeddings.cpu(), expected_embeddings)
    assert torch.equal(ids.cpu(), expected_ids)
    found = knn_labels(features.cuda(), supports.cuda(), labels.cuda()).cpu()
    assert (found != knn_labels(features, supports, labels)).float().mean() < 1e-2
