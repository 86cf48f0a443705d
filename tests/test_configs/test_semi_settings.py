# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The published settings of the semi-supervised rows."""

import re

import pytest
import yaml
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
    assert not cfg.train_dataloader.drop_last
    assert cfg.sync_bn is None or "BN" not in str(cfg.model.backbone)
    assert cfg.val_evaluator.matching == cfg.test_evaluator.matching == "identity"


# The benchmark's rule: who takes part with 50 or 300 categories pretrains on no other images.
@pytest.mark.parametrize(
    "name, start",
    [
        ("r18-d32_8xb32-100e_imagenets50", "pass-pretrain_r18_8xb32-200e_imagenets50/epoch_200"),
        ("r50-d32_8xb32-100e_imagenets300", "pass-pretrain_r50_8xb32-100e_imagenets300/epoch_100"),
        ("r50-d16_8xb32-100e_imagenets300", "pass-pretrain_r50_8xb32-100e_imagenets300/epoch_100"),
        ("r50-d16_8xb32-100e_imagenets919", "pass-pretrain_r50_8xb32-100e_imagenets919/epoch_100"),
    ],
)
def test_semi_supervised_rows_start_from_their_own_images(name, start):
    cfg = Config.fromfile(CONFIGS / f"semi/fcn_{name}.py")
    assert cfg.model.backbone.init_cfg.checkpoint == f"work_dirs/{start}.pth"
    [subset] = re.findall(r"imagenets(\d+)$", name)
    assert cfg.train_dataloader.dataset.subset == int(subset) == cfg.model.decode_head.num_classes - 1


def test_protocols_of_the_metafile_follow_the_rule():
    for model in yaml.safe_load((CONFIGS / "semi/metafile.yml").read_text())["Models"]:
        cfg, protocol = Config.fromfile(CONFIGS.parent / model["Config"]), model["Metadata"]["Protocol"]
        if "subset" not in cfg.train_dataloader.dataset:
            continue
        own = f"imagenets{cfg.train_dataloader.dataset.subset}/"
        start = cfg.model.backbone.init_cfg.checkpoint
        allowed = (start.startswith("work_dirs/pass-pretrain") and own in start) or (
            own == "imagenets919/" and "pretrain" in start
        )
        assert (protocol == "semi-supervised") == allowed, model["Name"]
        assert allowed or protocol.startswith("free: ")


def test_freezing_of_prototypes_in_step_2():
    for row in ("r18_8xb32-20e_imagenets50", "r50_8xb32-20e_imagenets300", "r50_8xb32-20e_imagenets919"):
        cfg = Config.fromfile(CONFIGS / f"pass/pass-pixel-attention_{row}.py")
        assert cfg.default_hooks.prototypes.get("freeze_iters", 0) == 0


def test_only_output_stride_16_dilates():
    backbones = {
        d: Config.fromfile(CONFIGS / f"semi/fcn_r50-{d}_8xb32-100e_imagenets919.py").model.backbone
        for d in ("d32", "d16")
    }
    assert "dilations" not in backbones["d32"]
    assert backbones["d16"].strides == (1, 2, 2, 1) and backbones["d16"].dilations == (1, 1, 1, 2)
    assert backbones["d16"].contract_dilation
