# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The published settings of the semi-supervised rows."""

import pytest
from mmengine.config import Config

from tests.helpers.small_runs import CONFIGS

# name -> learning rate at a batch of 256, decay by layer, weight decay, drop path.
ROWS = {
    "r50-d32": (5e-4, 0.40, 5e-4, None),
    "r50-d16": (5e-4, 0.45, 5e-4, None),
    "vit-b16-mae": (5e-4, 0.60, 0.05, 0.1),
    "vit-b16-mae-sup": (1e-4, 0.40, 0.05, 0.1),
    "vit-s16-sere": (5e-4, 0.50, 0.05, 0.1),
    "vit-s16-sere-sup": (5e-4, 0.50, 0.05, 0.1),
    "convnext-t": (2.5e-4, 0.60, 0.05, 0.2),
}


@pytest.mark.parametrize("subset", [50, 300, 919])
@pytest.mark.parametrize("name", ROWS)
def test_settings(name, subset):
    cfg = Config.fromfile(CONFIGS / f"semi/fcn_{name}_8xb32-100e_imagenets{subset}.py")
    optimizer = cfg.optim_wrapper.optimizer
    drop_path = cfg.model.backbone.get("drop_path_rate")
    assert (optimizer.lr, cfg.optim_wrapper.paramwise_cfg.decay_rate, optimizer.weight_decay, drop_path) == ROWS[name]
    assert optimizer.type == "AdamW" and cfg.train_cfg.max_epochs == 100
    [schedule] = cfg.param_scheduler
    assert (schedule.type, schedule.warmup, schedule.min_lr) == ("WarmupCosineLR", 5, 1e-6)
    assert "end" not in schedule
    assert cfg.train_dataloader.batch_size == 32 and cfg.auto_scale_lr.base_batch_size == 256
    crop = next(step for step in cfg.train_dataloader.dataset.pipeline if step.type == "RandomResizedCropSeg")
    assert (crop.size, crop.scale) == (224, (0.14, 1.0))
    for loader, split in [("train", "train-semi"), ("val", "validation"), ("test", "validation")]:
        dataset = cfg[f"{loader}_dataloader"].dataset
        assert (dataset.subset, dataset.data_root, dataset.split) == (subset, f"data/ImageNetS{subset}", split)
    assert cfg.val_evaluator.matching == cfg.test_evaluator.matching == "identity"


def test_only_output_stride_16_dilates():
    backbones = {
        d: Config.fromfile(CONFIGS / f"semi/fcn_r50-{d}_8xb32-100e_imagenets919.py").model.backbone
        for d in ("d32", "d16")
    }
    assert "dilations" not in backbones["d32"]
    assert backbones["d16"].strides == (1, 2, 2, 1) and backbones["d16"].dilations == (1, 1, 1, 2)
    assert backbones["d16"].contract_dilation
