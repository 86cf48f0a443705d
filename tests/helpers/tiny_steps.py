# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A data set of a few small images, and step configs cut down to it."""

from pathlib import Path

import numpy as np
from mmengine.config import Config

from tests.helpers.tiny_data import write_image_folder

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
COLORS = {"blue_box": (220, 60, 40), "green_box": (40, 210, 60), "red_box": (40, 60, 220)}


def _boxed(category: int, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    image, ids = rng.integers(0, 90, (56, 64, 3), np.uint8), np.zeros((56, 64), np.uint16)
    top, left = rng.integers(4, 20, 2)
    image[top : top + 28, left : left + 32] = list(COLORS.values())[category]
    ids[top : top + 28, left : left + 32] = category + 1
    return image, ids


def write_tiny_data(root: Path) -> None:
    """Three categories, 8 training and 2 validation images each."""
    rng = np.random.default_rng(0)
    write_image_folder(root, "train", list(COLORS), 8, _boxed, rng)
    write_image_folder(root, "validation", list(COLORS), 2, _boxed, rng, masks=True)


def _shorten(cfg: Config, data_root: Path, epochs: int) -> None:
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        if cfg.get(loader) is not None:
            cfg[loader].dataset.data_root = str(data_root)
            cfg[loader].num_workers = 1
            cfg[loader].pop("persistent_workers", None)
    cfg.train_dataloader.batch_size = 8
    cfg.train_cfg.max_epochs = epochs
    cfg.param_scheduler[0].end = epochs
    cfg.default_hooks.logger.interval = 1
    cfg.model.backbone.base_channels = 8
    for pipeline in (
        cfg.train_dataloader.dataset.pipeline,
        (cfg.get("test_dataloader") or cfg.train_dataloader).dataset.pipeline,
    ):
        for transform in pipeline:
            if transform["type"] == "MultiCrop":
                transform["groups"] = [dict(size=32, number=2, scale=(0.3, 1.0))]
            elif transform["type"] == "RandomResizedCropSeg":
                transform["size"] = 32
            elif transform["type"] == "mmpretrain.ResizeEdge":
                transform["scale"] = 48
    if cfg.get("test_dataloader") is not None:
        # inference_model reads this variable, MMSegInferencer the data loader.
        cfg.test_pipeline = cfg.test_dataloader.dataset.pipeline


def write_tiny_configs(folder: Path, data_root: Path) -> dict[str, Path]:
    """The from-scratch step configs for the small data set: three epochs of three iterations."""
    paths = {}
    for step, name in (
        ("pretrain", "pass-pretrain_r18_1xb64-40e_mini-imagenets"),
        ("pixel_attention", "pass-pixel-attention_r18_1xb32-10e_mini-imagenets"),
        ("finetune", "pass-finetune_r18_1xb32-10e_mini-imagenets"),
    ):
        cfg = Config.fromfile(CONFIGS / "pass" / f"{name}.py")
        _shorten(cfg, data_root, epochs=3)
        cfg.model.backbone.init_cfg = None
        if step == "finetune":
            cfg.model.decode_head.num_classes = 1 + len(COLORS)
            cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
        else:
            cfg.model.update(hidden_channels=16, embedding_dim=8, num_prototypes=16, queue=dict(length=8))
            cfg.default_hooks.prototypes.update(freeze_iters=2, queue_start_epoch=0)
        if step == "pixel_attention":
            cfg.model.pretrained = None
            cfg.default_hooks.pseudo_labels.update(num_clusters=len(COLORS), crop_size=48, restarts=2)
        paths[step] = folder / f"{step}.py"
        cfg.dump(paths[step])
    return paths
