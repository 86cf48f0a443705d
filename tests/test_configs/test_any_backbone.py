# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps 2 to 4 on backbones that come trained, and their weights in the published formats."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from timm.models.vision_transformer import VisionTransformer

from mmluss.models import PASSPretrainer
from tests.helpers.small_runs import CONFIGS, NARROW, SIDE, run, small_config

pytestmark = pytest.mark.slow

BACKBONES = ("dino-vit-s16", "dinov2-vit-s14", "mae-vit-b16", "mocov3-vit-s16", "swin-t")
NAME = "pass/pass-{step}_{backbone}_8xb32-20e_imagenets50.py"
CONTAINERS = {
    "dino-vit-s16": lambda weights: weights,
    "dinov2-vit-s14": lambda weights: weights | {"mask_token": torch.zeros(1, 64)},
    "mae-vit-b16": lambda weights: {"model": weights},
    "mocov3-vit-s16": lambda weights: {
        "state_dict": {f"module.base_encoder.{name}": value for name, value in weights.items()}
        | {"module.base_encoder.head.0.weight": torch.zeros(8, 64), "module.predictor.0.weight": torch.zeros(8, 8)}
    },
}


def narrow_backbone(backbone: str, step: str) -> dict:
    cfg = Config.fromfile(CONFIGS / NAME.format(step=step, backbone=backbone)).to_dict()["model"]["backbone"]
    return cfg | NARROW[cfg["type"]]


def published_vision_transformer(patch_size: int, image_size: int, layer_scale: float | None) -> VisionTransformer:
    """timm's network, whose names DINO, DINOv2, MAE and MoCo v3 use, with the width of 64 channels."""
    torch.manual_seed(0)
    network = VisionTransformer(
        img_size=image_size,
        patch_size=patch_size,
        embed_dim=64,
        depth=2,
        num_heads=2,
        num_classes=0,
        init_values=layer_scale,
    ).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.1)
    return network


@pytest.mark.parametrize("step", ["pixel-attention", "finetune"])
@pytest.mark.parametrize("backbone", CONTAINERS)
def test_published_weights_give_the_published_features(backbone, step, tmp_path):
    cfg = narrow_backbone(backbone, step)
    patch = cfg["patch_size"]
    network = published_vision_transformer(patch, cfg["img_size"], cfg.get("layer_scale_init_value"))
    torch.save(CONTAINERS[backbone](network.state_dict()), tmp_path / "published.pth")
    cfg["arch"] = dict(embed_dims=64, num_layers=2, num_heads=2, feedforward_channels=256)
    cfg["init_cfg"]["checkpoint"] = str(tmp_path / "published.pth")
    model = MODELS.build(cfg)
    model.eval()
    model.init_weights()
    images = torch.randn(1, 3, cfg["img_size"], cfg["img_size"])
    with torch.no_grad():
        tokens = network.forward_features(images)[:, 1:]
        [features] = model(images)
    side = cfg["img_size"] // patch
    assert features.shape == (1, 64, side, side)
    torch.testing.assert_close(features.flatten(2).transpose(1, 2), tokens, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("step", ["pixel-attention", "finetune"])
def test_mmpretrain_weights_load(step, tmp_path):
    cfg = narrow_backbone("swin-t", step)
    stored = MODELS.build(cfg | dict(init_cfg=None)).state_dict()
    torch.save({"state_dict": {f"backbone.{name}": value for name, value in stored.items()}}, tmp_path / "swin.pth")
    cfg["init_cfg"]["checkpoint"] = str(tmp_path / "swin.pth")
    model = MODELS.build(cfg)
    model.init_weights()
    assert all(torch.equal(value, stored[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_step_runs_on_what_the_one_before_left(backbone, data_root, tmp_path):
    cfg = small_config(NAME.format(step="pixel-attention", backbone=backbone), data_root, tmp_path / "attention")
    cfg.train_dataloader.dataset.indices = None
    run(cfg)
    labels = tmp_path / "attention" / "pixel_labels"
    assert len(list(labels.rglob("*.png"))) == 6
    cfg = small_config(NAME.format(step="finetune", backbone=backbone), data_root, tmp_path / "finetune")
    cfg.train_dataloader.dataset.label_root = str(labels)
    runner = run(cfg)
    assert runner.iter == 1
    assert "test/mIoU" in runner.message_hub.log_scalars


def test_frozen_backbone_stays_as_it_was(data_root, tmp_path):
    cfg = small_config(NAME.format(step="pixel-attention", backbone="dinov2-vit-s14"), data_root, tmp_path)
    torch.manual_seed(0)
    backbone = MODELS.build(cfg.model.backbone)
    torch.save({f"backbone.{name}": value for name, value in backbone.state_dict().items()}, tmp_path / "start.pth")
    cfg.model.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "start.pth"), prefix="backbone.")
    runner = run(cfg)
    stored = backbone.state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in runner.model.backbone.state_dict().items())


@pytest.mark.parametrize("step", ["pixel-attention", "finetune"])
@pytest.mark.parametrize("backbone, stride", [("dino-vit-s16", 16), ("dinov2-vit-s14", 14), ("swin-t", 32)])
def test_images_to_label_are_whole_patches(step, backbone, stride, data_root, tmp_path):
    cfg = small_config(NAME.format(step=step, backbone=backbone), data_root, tmp_path)
    dataset = DATASETS.build(cfg.test_dataloader.dataset | dict(indices=None))
    sizes = [sample["inputs"].shape[1:] for sample in dataset]
    assert len(set(sizes)) > 1
    assert all(side % stride == 0 for size in sizes for side in size)


def test_stride_14_gives_a_label_to_every_pixel():
    model = MODELS.build(
        dict(
            type="PixelAttentionSegmentor",
            backbone=narrow_backbone("dinov2-vit-s14", "pixel-attention") | dict(init_cfg=None),
            image_projector=False,
            hidden_channels=0,
            embedding_dim=0,
            num_prototypes=4,
        )
    ).eval()
    model.decode_head.set_centroids(torch.randn(3, 16), 0.0)
    with torch.no_grad():
        categories, scores = model.pixel_scores(torch.randn(1, 3, 266, 350))
        [sample] = model.predict(torch.randn(1, 3, 266, 350))
    assert categories.shape == scores.shape == (1, 4 * 19, 4 * 25)
    assert sample.pred_sem_seg.data.shape == (1, 266, 350)
    assert sample.pred_sem_seg.data.min() >= 1


@pytest.mark.parametrize("patch_size", [14, 16])
def test_shallow_layers_of_a_transformer_serve_pretraining(patch_size):
    backbone = dict(
        type="mmpretrain.VisionTransformer",
        img_size=56,
        patch_size=patch_size,
        out_type="featmap",
        out_indices=[0, 1],
        **NARROW["mmpretrain.VisionTransformer"],
    )
    torch.manual_seed(0)
    model = PASSPretrainer(backbone, hidden_channels=8, embedding_dim=4, num_prototypes=6, shallow_stages=[3])
    losses = model.loss([torch.randn(4, 3, SIDE, SIDE) for _ in range(2)], torch.rand(4, 2, 7, 7, 2) * 2 - 1)
    losses["loss"].backward()
    assert torch.isfinite(losses["d2s_stage3"])
    assert model.backbone.layers[0].attn.qkv.weight.grad.norm() > 0
