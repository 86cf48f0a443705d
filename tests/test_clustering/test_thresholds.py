# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from skimage.filters import threshold_otsu

from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.clustering.thresholds import find_threshold, otsu_threshold, score_histogram, sweep_thresholds
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels
from tests.helpers.small_world import photos, small_settings

BATCHES = [[0, 3], [1, 4], [2], [5]]


@pytest.mark.parametrize("seed", range(5))
def test_otsu_separates_where_another_implementation_does(seed):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(0.3, 0.05, 1000), rng.normal(0.6, 0.1, 300 * (seed + 1))]).clip(0, 1)
    histogram, edges = np.histogram(scores, bins=64, range=(0, 1))
    centers = (edges[:-1] + edges[1:]) / 2
    last_lower = threshold_otsu(hist=(histogram, centers))
    assert otsu_threshold(histogram, edges) == pytest.approx(last_lower + 0.5 / 64)


def test_otsu_is_the_edge_above_the_lower_class():
    edges = np.array([0, 0.25, 0.5, 0.75, 1])
    assert otsu_threshold(np.array([5, 1, 0, 4]), edges) == 0.5
    assert otsu_threshold(np.array([0, 0, 1, 4]), edges) == 0.75


@pytest.mark.parametrize("histogram", [[0, 0, 0], [0, 7, 0]])
def test_otsu_of_scores_that_are_all_alike(histogram):
    with pytest.raises(ValueError, match="all are alike"):
        otsu_threshold(np.array(histogram), np.linspace(0, 1, 4))


def test_every_image_weighs_the_same_in_the_histogram(photo_root, model):
    dataset = photos(photo_root)
    model.decode_head.set_centroids(torch.eye(6)[:3], 0.0)
    histogram, edges = score_histogram(model, dataset, BATCHES, small_settings(), bins=16)
    expected = np.zeros(16)
    for index in range(6):
        inputs = (dataset[index]["inputs"].flip(0).float()[None] - 100) / 50
        score = model.pixel_scores(inputs)[1].detach().numpy()
        expected += np.histogram(score, bins=16, range=(0, 1))[0] / score.size
    assert histogram.sum() == pytest.approx(6)
    assert np.abs(histogram - expected).sum() < 0.05
    np.testing.assert_allclose(edges, np.linspace(0, 1, 17))


def slow_miou(model, dataset, threshold: float) -> float:
    """Mean IoU at one threshold by the definition, with the best of all matchings of three categories."""
    from itertools import permutations

    pairs = []
    for index in range(len(dataset)):
        sample = dataset[index]
        truth = sample["data_samples"].gt_sem_seg.data[0].numpy()
        inputs = (sample["inputs"].flip(0).float()[None] - 100) / 50
        cluster, score = (output[0].detach() for output in model.pixel_scores(inputs))
        label, _ = resize_pixel_labels(cluster, score, truth.shape, threshold)
        pairs.append((label.numpy()[truth != 1000], truth[truth != 1000]))

    def images_shared(order):
        return sum(
            (label == i + 1).any() and (truth == j + 1).any() for label, truth in pairs for i, j in enumerate(order)
        )

    order = max(permutations(range(3)), key=images_shared)
    match = np.array([0, *(j + 1 for j in order)])
    label = np.concatenate([match[label] for label, _ in pairs])
    truth = np.concatenate([truth for _, truth in pairs])
    ious = [((label == c) & (truth == c)).sum() / (((label == c) | (truth == c)).sum() + 1e-10) for c in range(4)]
    return 100 * float(np.mean(ious))


def test_the_sweep_agrees_with_single_thresholds(photo_root, model):
    dataset = photos(photo_root, "validation")
    model.decode_head.set_centroids(model.image_embeddings(torch.eye(3)[:, :, None, None].expand(3, 3, 32, 32)), 0.0)
    sweep = sweep_thresholds(model, dataset, BATCHES, small_settings())
    for index in (0, 40, 50, 60, 80):
        assert sweep["miou"][index] == pytest.approx(slow_miou(model, dataset, index / 100), abs=1e-6)
    assert sweep["best_miou"] == max(sweep["miou"])
    assert sweep["thresholds"][np.argmax(sweep["miou"])] == sweep["best_threshold"]


def test_a_validation_image_without_mask_is_named(photo_root, model):
    model.decode_head.set_centroids(torch.eye(6)[:3], 0.0)
    with pytest.raises(ValueError, match=r"amber_0\.png has no mask"):
        sweep_thresholds(model, photos(photo_root), BATCHES, small_settings())


def test_threshold_from_validation_needs_validation_images():
    settings = PseudoLabelSettings(num_clusters=2, threshold="val")
    with pytest.raises(
        ValueError, match="threshold 'val' is chosen on validation images with masks, and none are given"
    ):
        find_threshold(None, None, np.zeros((0, 2)), settings)


@pytest.mark.parametrize("step", [0.01, 0.3, 0.03])
def test_thresholds_are_multiples_of_the_step(photo_root, model, step):
    model.decode_head.set_centroids(model.image_embeddings(torch.eye(3)[:, :, None, None].expand(3, 3, 32, 32)), 0.0)
    sweep = sweep_thresholds(model, photos(photo_root, "validation"), BATCHES, small_settings(threshold_step=step))
    tried = np.array(sweep["thresholds"])
    np.testing.assert_allclose(tried, step * np.arange(len(tried)), atol=1e-6)
    assert 0.8 - step < tried[-1] <= 0.8 + 1e-9
