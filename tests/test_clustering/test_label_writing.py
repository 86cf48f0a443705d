# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
import torch

from mmluss.clustering.image_batches import image_sizes
from mmluss.clustering.label_writing import all_labels_written, label_path, remove_labels, write_pixel_labels
from mmluss.clustering.saliency import pipeline_with_saliency
from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels
from tests.helpers.small_world import TEST_PIPELINE, photos, small_settings

THRESHOLD = 0.5


@pytest.fixture
def labeler(model):
    generator = torch.Generator().manual_seed(0)
    model.decode_head.set_centroids(torch.randn(300, 6, generator=generator), THRESHOLD)
    return model


def expected_labels(model, dataset) -> list[np.ndarray]:
    labels = []
    for index in range(len(dataset)):
        sample = dataset[index]
        inputs = (sample["inputs"].flip(0).float()[None] - 100) / 50
        cluster, score = (output[0].detach() for output in model.pixel_scores(inputs))
        labels.append(resize_pixel_labels(cluster, score, sample["data_samples"].ori_shape, THRESHOLD)[0].numpy())
    return labels


def written_labels(dataset, folder) -> list[np.ndarray]:
    return [read_label_map(label_path(dataset, index, folder)) for index in range(len(dataset))]


def write(model, dataset, folder, **kwargs):
    return write_pixel_labels(model, dataset, image_sizes(dataset), folder, THRESHOLD, small_settings(**kwargs))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_labels_are_those_of_single_images(photo_root, labeler, tmp_path, num_workers):
    dataset = photos(photo_root)
    counts = write(labeler, dataset, tmp_path, num_workers=num_workers)
    expected = expected_labels(labeler, dataset)
    for label, truth in zip(written_labels(dataset, tmp_path), expected, strict=True):
        assert label.shape == truth.shape
        assert (label == truth).mean() > 0.999
    totals = np.bincount(np.concatenate([label.ravel() for label in written_labels(dataset, tmp_path)]), minlength=301)
    np.testing.assert_array_equal(counts.pixels, totals)
    assert counts.images[0] == sum((label == 0).any() for label in expected)
    assert counts.reused == 0
    assert sorted(path.name for path in tmp_path.rglob("*.*"))[0] == "amber_0.png"
    assert all_labels_written(dataset, tmp_path)


def test_finished_labels_are_kept_and_broken_ones_replaced(photo_root, labeler, tmp_path):
    dataset = photos(photo_root)
    whole = write(labeler, dataset, tmp_path)
    first = written_labels(dataset, tmp_path)
    untouched = label_path(dataset, 0, tmp_path)
    before = untouched.stat().st_mtime_ns
    label_path(dataset, 5, tmp_path).unlink()
    label_path(dataset, 9, tmp_path).write_bytes(b"\x89PNG half")
    write_label_map(label_path(dataset, 11, tmp_path), np.full((4, 4), 301))
    assert not all_labels_written(dataset, tmp_path)
    labeler.forwards = 0
    counts = write(labeler, dataset, tmp_path)
    assert labeler.forwards <= 3
    assert untouched.stat().st_mtime_ns == before
    assert counts.reused == len(dataset) - 3
    np.testing.assert_array_equal(counts.pixels, whole.pixels)
    np.testing.assert_array_equal(counts.images, whole.images)
    for label, truth in zip(written_labels(dataset, tmp_path), first, strict=True):
        np.testing.assert_array_equal(label, truth)


def test_nothing_but_labels_of_these_images_is_removed(photo_root, labeler, tmp_path):
    dataset = photos(photo_root)
    write(labeler, dataset, tmp_path)
    other = tmp_path / "amber" / "someone_elses.png"
    other.write_bytes(b"")
    remove_labels(dataset, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


def test_saliency_decides_what_is_foreground(photo_root, labeler, tmp_path):
    folder = photo_root / "saliency"
    dataset = photos(photo_root, pipeline=pipeline_with_saliency(TEST_PIPELINE), saliency_root=str(folder))
    write(labeler, dataset, tmp_path, use_saliency=True)
    for index, label in enumerate(written_labels(dataset, tmp_path)):
        relative = label_path(dataset, index, tmp_path).relative_to(tmp_path)
        gray = cv2.imread(str(folder / relative), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(label == 0, gray < THRESHOLD * 255)


def test_a_failing_writer_is_reported(photo_root, labeler, tmp_path, monkeypatch):
    def full(path, ids):
        raise OSError(f"{path}: no space left")

    monkeypatch.setattr("mmluss.clustering.label_writing.write_label_map", full)
    with pytest.raises(OSError, match="no space left"):
        write(labeler, photos(photo_root), tmp_path)
