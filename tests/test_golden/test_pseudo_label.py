# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from PIL import Image

from mmluss.datasets.label_codec import write_label_map
from mmluss.models.pixel_attention.nearest_centroid import nearest_centroids, resize_pixel_labels


def undecided(features: np.ndarray, centroids: np.ndarray, score: np.ndarray, threshold: float, close: float):
    """(H, W) bool: pixels whose decision is closer than rounding, from float64 and nearest indices of our own."""
    features = features / np.linalg.norm(features, axis=0, keepdims=True)
    centroids = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    cosines = np.sort(np.einsum("nc,chw->nhw", centroids.astype(np.float64), features.astype(np.float64)), axis=0)
    margin = cosines[-1] - cosines[-2]
    height, width = score.shape
    rows = (np.arange(height) * margin.shape[0]) // height
    columns = (np.arange(width) * margin.shape[1]) // width
    return (margin[rows][:, columns] < close) | (np.abs(score - threshold) < close)


@pytest.mark.golden_kind("pseudo_label")
def test_pixel_labels_and_scores(case):
    arrays = case.arrays
    centroids = torch.from_numpy(arrays["centroids"])
    for item in case.settings["items"]:
        index, size, threshold = item["i"], item["image_hw"], item["threshold"]
        features = torch.from_numpy(arrays[f"feat{index}"])[None]
        cluster = nearest_centroids(features, centroids)[0]
        label, score = resize_pixel_labels(cluster, torch.from_numpy(arrays[f"mask{index}"]), size, threshold)
        np.testing.assert_allclose(score.numpy(), arrays[f"logit{index}"], atol=case.limit("logit"), rtol=0)
        unsure = undecided(
            arrays[f"feat{index}"], arrays["centroids"], arrays[f"logit{index}"], threshold, case.limit("label")
        )
        differs = label.numpy() != arrays[f"label{index}"]
        assert not (differs & ~unsure).any()


@pytest.mark.golden_kind("pseudo_label")
def test_label_png(case, tmp_path):
    arrays = case.arrays
    pictures = {key.removeprefix("png_rgb"): rgb for key, rgb in arrays.items() if key.startswith("png_rgb")}
    for index, rgb in pictures.items():
        path = tmp_path / f"{index}.png"
        write_label_map(path, arrays[f"label{index}"])
        with Image.open(path) as picture:
            assert picture.mode == "RGB"
            np.testing.assert_array_equal(np.asarray(picture), rgb)
