# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Semi-supervised segmentors as their configs build them, and the published names of their weights."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss
from mmluss.models import LUSSSegmentor

CONFIGS = Path(__file__).parents[2] / "configs" / "semi"
# Published name of a model -> what its configs are called.
ROWS = {
    "resnet50": "r50-d32",
    "resnet50_d16": "r50-d16",
    "vit_small_patch16": "vit-s16-sere",
    "vit_base_patch16": "vit-b16-mae",
    "convnext_tiny": "convnext-t",
    "rfsearch": "rf-convnext-t-search",
    "rfsingle": "rf-convnext-t-single",
    "rfmultiple": "rf-convnext-t-multiple",
    "rfmerge": "rf-convnext-t-merge",
}


def semi_config(name: str) -> Config:
    """Config of a published model for 919 categories."""
    return Config.fromfile(CONFIGS / f"fcn_{ROWS[name]}_8xb32-100e_imagenets919.py")


def semi_model(name: str, num_classes: int, head: dict | None = None, **backbone: Any) -> LUSSSegmentor:
    """The model of a config, without pretrained weights and with these changes."""
    init_default_scope("mmseg")
    model = semi_config(name).model
    model.backbone.update(init_cfg=None, **backbone)
    model.decode_head.update(num_classes=num_classes, **(head or {}))
    return MODELS.build(model)


def our_names(published: Iterable[str]) -> dict[str, str]:
    """Our name -> published name."""
    published = list(published)
    numbered = {name: torch.full((1, 1, 1, 1), float(i)) for i, name in enumerate(published)}
    return {ours: published[int(value)] for ours, value in imagenetseg_to_mmluss(numbered).items()}


def publish(names: dict[str, str]) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    """A function that gives weights with our names the published ones of ``our_names``."""
    return lambda weights: {names[ours]: value for ours, value in weights.items() if ours in names}


def labeled(labels: np.ndarray) -> list[SegDataSample]:
    maps = torch.from_numpy(labels.astype(np.int64))
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in maps]
