# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Settings and data that steps 2.2 to 2.4 cannot work with."""

import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from mmluss.clustering.input_checks import check_inputs, check_labels
from mmluss.clustering.kmeans import kmeans
from mmluss.clustering.pseudo_label_run import PseudoLabelRun
from mmluss.clustering.settings import PseudoLabelSettings
from mmluss.clustering.spectral import spectral_clusters
from mmluss.datasets.imagenets import ImageNetSDataset
from mmluss.engine.hooks import PseudoLabelHook
from tests.helpers.bad_inputs import check, table
from tests.helpers.small_world import TEST_PIPELINE, SmallSegmentor, photos, small_settings, write_split

ROWS = np.eye(4, dtype=np.float32)


@pytest.fixture(scope="module")
def photo_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    write_split(root, "train", images=2, seed=0)
    write_split(root, "validation", images=1, seed=1, masks=True)
    return root


@pytest.fixture
def root(photo_root, tmp_path):
    with DefaultScope.overwrite_default_scope("mmseg"):
        yield shutil.copytree(photo_root, tmp_path / "data")


def _run(root, validation=None, model=None, **settings):
    return PseudoLabelRun(model or SmallSegmentor(), photos(root), root / "out", small_settings(**settings), validation)


def threshold_out_of_range(root):
    PseudoLabelSettings(3, threshold=1.5)


def threshold_of_another_name(root):
    PseudoLabelSettings(3, threshold="best")


def clustering_of_another_name(root):
    PseudoLabelSettings(3, clustering="dbscan")


def kmeans_start_of_another_name(root):
    PseudoLabelSettings(3, kmeans_start="far")


def threshold_step_zero(root):
    PseudoLabelSettings(3, threshold_step=0)


def no_clusters(root):
    PseudoLabelSettings(0)


def half_a_cluster(root):
    PseudoLabelSettings(2.5)


def a_thousand_clusters(root):
    PseudoLabelSettings(1000)


def no_restarts(root):
    PseudoLabelHook(num_clusters=3, restarts=0)


def embeddings_of_eight_bits(root):
    PseudoLabelHook(num_clusters=3, dtype="int8")


def more_clusters_than_images(root):
    _run(root, num_clusters=7)


def val_without_validation_images(root):
    _run(root, threshold="val")


def val_without_masks(root):
    validation = photos(root, "validation", label_root=False)
    check_inputs(photos(root), small_settings(threshold="val"), validation)


def val_with_a_pipeline_without_masks(root):
    pipeline = [part for part in TEST_PIPELINE if part["type"] != "LoadImageNetSAnnotations"]
    check_inputs(photos(root), small_settings(threshold="val"), photos(root, "validation", pipeline))


def val_without_categories(root):
    for path in (root / "validation").rglob("*.png"):
        path.rename(root / path.name)
    for folder in ("train", "validation", "validation-segmentation"):
        shutil.rmtree(root / folder)
    (root / "train").mkdir()
    for path in root.glob("*.png"):
        path.rename(root / "train" / path.name)
    check_inputs(photos(root), small_settings(threshold="val"), photos(root))


def _config(root, **train):
    def loader(split, **dataset):
        return dict(dataset=dict(type="ImageNetSDataset", data_root=str(root), split=split, **dataset))

    return dict(
        train_dataloader=loader("train", **train) if train else loader("train", pipeline=TEST_PIPELINE),
        test_dataloader=loader("validation", pipeline=TEST_PIPELINE),
    )


def _hook(root, cfg, **settings):
    PseudoLabelHook(**(dict(threshold=0.5, num_clusters=3) | settings)).before_train(SimpleNamespace(cfg=cfg))


def hook_without_a_test_dataloader(root):
    _hook(root, dict(_config(root), test_dataloader=None))


def hook_with_crops(root):
    loader = dict(dataset=dict(type="ImageNetSDataset", pipeline=[dict(type="RandomResizedCropSeg", size=8)]))
    _hook(root, _config(root), dataloader=loader)


def hook_with_saliency_of_the_training_images_only(root):
    (root / "saliency").mkdir()
    for path in (root / "train").rglob("*.png"):
        target = root / "saliency" / path.relative_to(root / "train")
        target.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(target), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    _hook(root, _config(root), threshold="val", saliency_root=str(root / "saliency"))


def hook_without_clusters_or_categories(root):
    for path in (root / "train").rglob("*.png"):
        path.rename(root / path.name)
    for folder in ("train", "validation"):
        shutil.rmtree(root / folder)
    for split in ("train", "validation"):
        (root / split).mkdir()
        for path in root.glob("*.png"):
            shutil.copy(path, root / split)
    shutil.rmtree(root / "validation-segmentation")
    _hook(root, _config(root), num_clusters=None)


def threshold_above_all_scores(root):
    _run(root, threshold=0.99).run()


def threshold_below_all_scores(root):
    _run(root, threshold=0.01).run()


def labels_without_foreground(root):
    check_labels(np.array([9, 0, 0]), 0.5)


def labels_without_background(root):
    check_labels(np.array([0, 4, 5]), 0.5)


class _Constant(SmallSegmentor):
    """Sees the same in all images."""

    def features(self, inputs):
        return torch.ones_like(super().features(inputs)) * torch.arange(1, 7)[:, None, None]


def scores_without_two_values(root):
    _run(root, threshold="otsu", model=_Constant(), num_clusters=1).run()


def images_that_are_copies(root):
    first, *others = sorted((root / "train").rglob("*.png"))
    for path in others:
        shutil.copy(first, path)
    _run(root).run()


def two_kinds_of_images_for_three_clusters(root):
    first, _, *others = sorted((root / "train").rglob("*.png"))
    for path in others:
        shutil.copy(first, path)
    _run(root, threshold=0.35).run()


class _Diverged(SmallSegmentor):
    def image_embeddings(self, inputs, saliency=None):
        return super().image_embeddings(inputs, saliency) * float("nan")


def embeddings_that_are_not_numbers(root):
    _run(root, model=_Diverged()).run()


def crop_larger_than_an_image(root):
    _run(root, crop_size=100).run()


def labels_of_someone_else(root):
    (root / "out" / "pixel_labels").mkdir(parents=True)
    (root / "out" / "pixel_labels" / "mine.png").touch()
    _run(root)


def broken_record_of_stages(root):
    (root / "out" / "clustering").mkdir(parents=True)
    (root / "out" / "clustering" / "stages.json").write_text('{"clustering": ')
    _run(root)


def rows_of_whole_numbers(root):
    kmeans(ROWS.astype(np.int64), 2)


def fewer_rows_than_clusters(root):
    kmeans(ROWS, 5)


def rows_that_are_not_finite(root):
    kmeans(np.where(ROWS == 1, np.float32("nan"), ROWS), 2)


def no_rounds_of_kmeans(root):
    kmeans(ROWS, 2, iterations=0)


def spectral_clusters_of_a_handful(root):
    spectral_clusters(ROWS, 3)


def validation_without_its_split(root):
    shutil.rmtree(root / "validation")
    ImageNetSDataset(root, split="validation")


@table(globals())
def test_message(act, root):
    check(act, root)
