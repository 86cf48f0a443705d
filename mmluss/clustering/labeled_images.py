# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Which images are clustered and labeled: those of training, whole."""

import copy

from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS

from mmluss.clustering.saliency import pipeline_with_saliency


def training_images(cfg: dict) -> dict:
    """Loader of the training images of a configuration, under its test pipeline and without labels.

    Raises:
        ValueError: The configuration has no such data sets.
    """
    train, test = cfg.get("train_dataloader"), cfg.get("test_dataloader")
    if train is None or test is None or "pipeline" not in train["dataset"] or "pipeline" not in test["dataset"]:
        raise ValueError(
            "cannot find out which images to label, as train_dataloader or test_dataloader is missing or its dataset "
            "has no pipeline: give PseudoLabelHook a dataloader"
        )
    dataset = dict(train["dataset"], pipeline=test["dataset"]["pipeline"], label_root=False)
    return dict(dataset=dataset, batch_size=train.get("batch_size", 32), num_workers=train.get("num_workers", 4))


def labeled_dataset(cfg: dict) -> BaseDataset:
    """A data set of whole images, with saliency maps in the samples if it has a ``saliency_root``.

    Raises:
        ValueError: The pipeline crops, so that labels would not cover the images.
    """
    cfg = dict(copy.deepcopy(cfg), test_mode=True)
    crops = [transform["type"] for transform in cfg.get("pipeline", ()) if "Crop" in transform["type"]]
    if crops:
        raise ValueError(f"{crops[0]}: labels need whole images; the crop of an embedding is made by crop_size")
    if cfg.get("saliency_root") is not None:
        cfg["pipeline"] = pipeline_with_saliency(cfg["pipeline"])
    return DATASETS.build(cfg)
