# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Overrides that cut the steps of an ImageNet-S-50 pipeline down to seconds."""

from typing import Any

_LOAD = dict(type="LoadImageFromFile", color_type="color_ignore_orientation")
_RESIZE = dict(type="mmpretrain.ResizeEdge", scale=48, edge="short", backend="pillow", interpolation="bilinear")
_META = ("img_path", "seg_map_path", "relative_path", "category", "ori_shape", "img_shape")
_TEST = [_LOAD, _RESIZE, dict(type="LoadImageNetSAnnotations"), dict(type="PackSegInputs", meta_keys=_META)]
# No random numbers: the whole image, as it is.
_CROPS = dict(groups=[dict(size=32, number=2, scale=(1.0, 1.0))], ratio=(1, 1), flip_prob=0, crop_transforms=[])
_MULTI_CROP = [_LOAD, dict(type="MultiCrop", **_CROPS), dict(type="PackMultiCrops")]
_LABELED = [
    _LOAD,
    dict(type="LoadImageNetSAnnotations"),
    dict(type="RandomResizedCropSeg", size=32, scale=(1.0, 1.0), ratio=(1, 1)),
    dict(type="PackSegInputs"),
]


def tiny_overrides(batch_size: int, epochs: int = 2) -> dict[str, Any]:
    """Overrides of the steps, without any random augmentation.

    Args:
        batch_size: Images of each process's batch.
        epochs: Epochs of each step.
    """
    width = dict(base_channels=8)
    embedding = dict(backbone=width, hidden_channels=16, embedding_dim=8, num_prototypes=24, queue=dict(length=40))
    hooks = dict(prototypes=dict(freeze_iters=2, queue_start_epoch=0), logger=dict(interval=1))
    labels = dict(pseudo_labels=dict(crop_size=32, restarts=2))
    return dict(
        pretrain=dict(
            model=embedding,
            default_hooks=hooks,
            train_cfg=dict(max_epochs=epochs, val_interval=epochs),
            train_dataloader=_loader(batch_size, _MULTI_CROP),
        ),
        pixel_attention=dict(
            model=embedding,
            default_hooks=hooks | labels,
            train_cfg=dict(max_epochs=epochs, val_interval=epochs),
            train_dataloader=_loader(batch_size, _MULTI_CROP),
            test_dataloader=_loader(1, _TEST),
        ),
        finetune=dict(
            model=dict(backbone=width),
            default_hooks=dict(logger=dict(interval=1)),
            train_cfg=dict(max_epochs=epochs, val_interval=epochs, val_begin=epochs + 1),
            train_dataloader=_loader(batch_size, _LABELED),
            val_dataloader=_loader(1, _TEST),
            test_dataloader=_loader(1, _TEST),
        ),
    )


def _loader(batch_size: int, pipeline: list[dict]) -> dict[str, Any]:
    return dict(batch_size=batch_size, num_workers=0, persistent_workers=False, dataset=dict(pipeline=pipeline))
