# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Final checkpoints of every kind of model, each with a narrow backbone and random weights."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

CLUSTERS = 4
RESNET = dict(type="mmseg.ResNet", depth=18, base_channels=8, stem_channels=8)
CONVNEXT = dict(
    type="mmpretrain.ConvNeXt",
    arch=dict(depths=(1, 1, 1, 1), channels=(8, 8, 16, 16)),
    out_indices=[3],
    gap_before_final_norm=False,
)
_LINEAR = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=RESNET,
    decode_head=dict(type="LinearHead", num_classes=CLUSTERS + 1),
    test_cfg=dict(max_resolution=1000, limited_side="height"),
)
MODEL_KINDS = {
    "linear": _LINEAR,
    "one cluster": dict(_LINEAR, test_cfg=dict(one_cluster=True)),
    "evidence of the image": dict(_LINEAR, test_cfg=dict(image_evidence=1.0)),
    "refined": dict(_LINEAR, test_cfg=dict(refine=dict(type="GrabCut"))),
    "pixel shuffle": dict(
        _LINEAR, backbone=CONVNEXT, decode_head=dict(type="PixelShuffleHead", in_channels=16, num_classes=CLUSTERS + 1)
    ),
    "pixel attention": dict(
        type="PixelAttentionSegmentor",
        data_preprocessor=dict(type="LUSSDataPreProcessor"),
        backbone=RESNET,
        hidden_channels=8,
        embedding_dim=4,
        num_prototypes=4,
        decode_head=dict(foreground="relative"),
        pretrained="gone.pth",
    ),
    "distance matching": dict(
        type="KNNSegmentor", data_preprocessor=dict(type="LUSSDataPreProcessor"), backbone=RESNET
    ),
}
PIPELINE = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="mmpretrain.ResizeEdge", scale=96, edge="short", backend="pillow", interpolation="bilinear"),
    dict(type="LoadImageNetSAnnotations"),
    dict(type="PackSegInputs", meta_keys=("img_path", "ori_shape", "img_shape")),
]


def write_tiny_checkpoint(path: Path, kind: str, dataset_meta: dict | None = None, seed: int = 0) -> Path:
    """Write a checkpoint as training writes it, with its config; the backbone's start is gone, as on another machine.

    Args:
        path: File to write.
        kind: One of ``MODEL_KINDS``.
        dataset_meta: Meta information of the data set.
        seed: Seed of the weights.
    """
    init_default_scope("mmseg")
    torch.manual_seed(seed)
    settings = dict(MODEL_KINDS[kind])
    model = MODELS.build(settings | ({"pretrained": None} if "pretrained" in settings else {}))
    if kind == "pixel attention":
        channels = model.decode_head.centroids.shape[1]
        model.decode_head.set_centroids(torch.randn(CLUSTERS, channels), 0.5)
    elif kind != "distance matching":
        # Random logits are so close to each other that one class would win everywhere.
        for name, weight in model.decode_head.named_parameters():
            if weight.ndim == 4:
                torch.nn.init.normal_(weight, std=4)
            elif name.endswith("bias"):
                torch.nn.init.zeros_(weight)
    dataset = dict(type="ImageNetSDataset", data_root="gone", split="validation", pipeline=PIPELINE)
    settings["backbone"] = dict(settings["backbone"], init_cfg=dict(type="Pretrained", checkpoint="gone.pth"))
    cfg = Config(dict(default_scope="mmseg", model=settings, test_dataloader=dict(batch_size=1, dataset=dataset)))
    meta = dict(cfg=cfg.pretty_text, dataset_meta=dataset_meta or {})
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return path
