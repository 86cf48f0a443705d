# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import shutil
from unittest import mock

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from torch import nn

from mmluss.clustering.embeddings import EmbeddingFile, extract_embeddings
from mmluss.clustering.image_batches import center_crop
from mmluss.clustering.saliency import pipeline_with_saliency
from tests.helpers.small_world import CROP, TEST_PIPELINE, SmallSegmentor, photos, small_settings


def one_at_a_time(model: nn.Module, dataset, saliency_root=None) -> np.ndarray:
    rows = []
    for index in range(len(dataset)):
        image = dataset[index]["inputs"]
        inputs = (center_crop(image, CROP).flip(0).float()[None] - 100) / 50
        saliency = None
        if saliency_root is not None:
            path = saliency_root / f"{dataset.get_data_info(index)['relative_path']}.png"
            gray = torch.from_numpy(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))[None, None].float() / 255
            gray = F.interpolate(gray, image.shape[1:], mode="bilinear", antialias=True)
            saliency = center_crop(gray, CROP)
        rows.append(model.image_embeddings(inputs, saliency)[0].detach().numpy())
    return np.stack(rows)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 1e-3)])
@pytest.mark.parametrize("num_workers", [0, 1])
def test_rows_are_those_of_single_images(photo_root, model, tmp_path, dtype, tolerance, num_workers):
    dataset = photos(photo_root)
    folder = tmp_path / "new"
    rows = extract_embeddings(model, dataset, folder, "key", small_settings(num_workers=num_workers, dtype=dtype))
    assert isinstance(rows, np.memmap)
    assert rows.dtype == dtype
    np.testing.assert_allclose(rows, one_at_a_time(model, dataset), atol=tolerance)


def test_saliency_takes_the_place_of_attention(photo_root, model, tmp_path):
    folder = photo_root / "saliency"
    pipeline = pipeline_with_saliency(TEST_PIPELINE)
    dataset = photos(photo_root, pipeline=pipeline, saliency_root=str(folder))
    rows = extract_embeddings(model, dataset, tmp_path, "key", small_settings(dtype="float32", use_saliency=True))
    np.testing.assert_allclose(rows, one_at_a_time(model, dataset, folder), atol=1e-5)
    assert np.abs(rows - one_at_a_time(model, dataset)).max() > 1e-2


def test_an_image_without_saliency_is_named(photo_root, model, tmp_path):
    with pytest.raises(ValueError, match=r"amber_0\.png comes without a saliency map"):
        extract_embeddings(model, photos(photo_root), tmp_path, "key", small_settings(use_saliency=True))


def test_an_interrupted_extraction_goes_on(photo_root, model, tmp_path, monkeypatch):
    monkeypatch.setattr("mmluss.clustering.embeddings.FLUSH_SECONDS", -1.0)
    dataset = photos(photo_root)
    whole = extract_embeddings(model, dataset, tmp_path / "whole", "key", small_settings())
    batches = model.forwards
    embeddings = model.image_embeddings

    def interrupted(inputs, saliency=None):
        if model.forwards == batches + 2:
            raise KeyboardInterrupt
        return embeddings(inputs, saliency)

    monkeypatch.setattr(model, "image_embeddings", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract_embeddings(model, dataset, tmp_path / "parts", "key", small_settings())
    monkeypatch.undo()
    model.forwards = 0
    parts = extract_embeddings(model, dataset, tmp_path / "parts", "key", small_settings())
    assert model.forwards == batches - 2
    np.testing.assert_array_equal(parts, whole)


def test_rows_of_other_weights_are_replaced(photo_root, tmp_path):
    dataset = photos(photo_root)
    for seed in (0, 1):
        model = SmallSegmentor(seed=seed)
        rows = extract_embeddings(model, dataset, tmp_path, f"key {seed}", small_settings(dtype="float32"))
        np.testing.assert_allclose(rows, one_at_a_time(model, dataset), atol=1e-6)


def test_whole_images_without_a_crop(photo_root, model, tmp_path):
    dataset = photos(photo_root)
    rows = extract_embeddings(
        model, dataset, tmp_path, "key", small_settings(batch_size=18, crop_size=None, dtype="float32")
    )
    image = (dataset[7]["inputs"].flip(0).float()[None] - 100) / 50
    np.testing.assert_allclose(rows[7], model.image_embeddings(image)[0].detach(), atol=1e-6)


def test_an_embedding_that_is_not_finite_names_its_image(photo_root, model, tmp_path):
    with torch.no_grad():
        model.kernel[0] = float("nan")
    with pytest.raises(ValueError, match=r"the embedding of .*amber_0\.png holds NaN or infinity"):
        extract_embeddings(model, photos(photo_root), tmp_path, "key", small_settings())


def test_another_dtype_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'int8'"):
        EmbeddingFile(tmp_path, "key", (3, 2), "int8")


def test_a_full_disk_shows_before_the_work(tmp_path):
    with pytest.raises(OSError, match=r"cannot make room for .*embeddings\.npy"):
        EmbeddingFile(tmp_path, "key", (2**52, 2**8), "float32")
    assert not list(tmp_path.glob("*.npy*"))


@pytest.mark.parametrize("gone", ["embeddings.npy", "embeddings_done.npy"])
def test_rows_that_were_deleted_are_made_again(photo_root, model, tmp_path, gone):
    dataset, settings = photos(photo_root), small_settings(dtype="float32")
    before = np.array(extract_embeddings(model, dataset, tmp_path, "key", settings))
    (tmp_path / gone).unlink()
    np.testing.assert_array_equal(extract_embeddings(model, dataset, tmp_path, "key", settings), before)


def test_images_without_foreground_are_warned_of(photo_root, model, tmp_path):
    folder = shutil.copytree(photo_root / "saliency", tmp_path / "saliency")
    dataset = photos(photo_root, pipeline=pipeline_with_saliency(TEST_PIPELINE), saliency_root=str(folder))
    path = folder / f"{dataset.get_data_info(3)['relative_path']}.png"
    cv2.imwrite(str(path), 0 * cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    warned = []
    logger = MMLogger.get_current_instance()
    with mock.patch.object(logger, "warning", warned.append):
        rows = extract_embeddings(model, dataset, tmp_path / "rows", "key", small_settings(use_saliency=True))
    assert not rows[3].any() and rows[[0, 1, 2, 4]].any(axis=1).all()
    assert len(warned) == 1
    assert warned[0].startswith(f"1 images, such as {dataset.get_data_info(3)['img_path']}, have saliency maps without")
