# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmluss.apis.discovery.discovery_configs import DiscoveryConfigs
from mmluss.apis.discovery.discovery_settings import DiscoverySettings
from mmluss.apis.discovery.photo_configs import training_size
from mmluss.apis.discovery.starting_backbone import foreign_network

RESNET = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8)
VIT = dict(
    type="VisionTransformer",
    arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=128),
    img_size=32,
    patch_size=14,
)
NORMALIZATION = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0])


@pytest.fixture(autouse=True)
def scope():
    init_default_scope("mmseg")


def write_config(folder: Path, backbone: dict, **others) -> Path:
    path = folder / "network.py"
    Config(dict(model=dict(type="ImageClassifier", backbone=backbone), **others)).dump(path)
    return path


@pytest.fixture
def resnet(tmp_path):
    """Config and weights of a narrow ResNet; torchvision and mmsegmentation name them alike."""
    torch.manual_seed(1)
    return write_config(tmp_path, RESNET), MODELS.build(RESNET).state_dict()


@pytest.fixture
def vit(tmp_path):
    """Config of mmpretrain and weights with timm's names, as DINO and DINOv2 publish them."""
    torch.manual_seed(1)
    network = timm.models.VisionTransformer(
        img_size=28, patch_size=14, embed_dim=32, depth=2, num_heads=2, num_classes=0, init_values=0.1
    )
    backbone = VIT | dict(img_size=28, layer_scale_init_value=0.1)
    config = write_config(
        tmp_path, backbone, default_scope="mmpretrain", data_preprocessor=dict(NORMALIZATION, to_rgb=True)
    )
    return config, network.state_dict()


@pytest.mark.parametrize(
    "packed",
    [
        lambda weights: weights | {"fc.weight": torch.zeros(10, 64)},
        lambda weights: dict(state_dict=weights),
        lambda weights: dict(state_dict={f"backbone.{name}": value for name, value in weights.items()}, meta={}),
        lambda weights: dict(state_dict={f"module.{name}": value for name, value in weights.items()}),
    ],
    ids=["torchvision", "state_dict", "mmpretrain", "distributed"],
)
def test_resnet(resnet, tmp_path, packed):
    config, weights = resnet
    torch.save(packed(weights), tmp_path / "weights.pth")
    start = foreign_network(str(config), tmp_path / "weights.pth").start_in(tmp_path / "work")
    kept = torch.load(start.checkpoint, weights_only=True)["state_dict"]
    assert set(kept) == {f"backbone.{name}" for name in weights}
    assert all(torch.equal(kept[f"backbone.{name}"], value) for name, value in weights.items())
    assert start.divisor is None and start.title == "ResNet with the weights of weights.pth"
    written = start.checkpoint.stat().st_mtime_ns
    assert foreign_network(str(config), tmp_path / "weights.pth").start_in(tmp_path / "work") == start
    assert start.checkpoint.stat().st_mtime_ns == written


def test_vision_transformer(vit, tmp_path):
    config, weights = vit
    torch.save(dict(teacher={f"backbone.{name}": value for name, value in weights.items()}), tmp_path / "dino.pth")
    start = foreign_network(str(config), tmp_path / "dino.pth").start_in(tmp_path / "work")
    kept = torch.load(start.checkpoint, weights_only=True)["state_dict"]
    assert torch.equal(kept["backbone.patch_embed.projection.weight"], weights["patch_embed.proj.weight"])
    assert torch.equal(kept["backbone.layers.1.ffn.layers.1.weight"], weights["blocks.1.mlp.fc2.weight"])
    assert torch.equal(kept["backbone.layers.0.attn.gamma1.weight"], weights["blocks.0.ls1.gamma"])
    assert not any(value.isnan().any() for value in kept.values())
    assert start.divisor == 14 and start.preprocessor == dict(NORMALIZATION, bgr_to_rgb=True)
    assert start.backbone["type"] == "mmpretrain.VisionTransformer" and start.backbone["out_type"] == "featmap"


def test_norms_that_a_file_lacks_begin_as_new(resnet, tmp_path):
    config, weights = resnet
    weights = {name: value + 1 for name, value in weights.items() if value.ndim and not name.startswith("bn1.")}
    torch.save(weights, tmp_path / "weights.pth")
    kept = torch.load(
        foreign_network(str(config), tmp_path / "weights.pth").start_in(tmp_path).checkpoint, weights_only=True
    )["state_dict"]
    assert kept["backbone.bn1.weight"].eq(1).all() and kept["backbone.bn1.bias"].eq(0).all()
    assert torch.equal(kept["backbone.conv1.weight"], weights["conv1.weight"])


def wrong_depth(weights, tmp_path):
    torch.save(weights, tmp_path / "weights.pth")
    return write_config(tmp_path, RESNET | dict(depth=34)), tmp_path / "weights.pth"


def deeper(weights, tmp_path):
    more = {
        name.replace("layer1.1", "layer1.2"): value for name, value in weights.items() if name.startswith("layer1.1.")
    }
    torch.save(weights | more, tmp_path / "weights.pth")
    return write_config(tmp_path, RESNET), tmp_path / "weights.pth"


def wrong_width(weights, tmp_path):
    torch.save(weights, tmp_path / "weights.pth")
    return write_config(tmp_path, RESNET | dict(base_channels=16, stem_channels=16)), tmp_path / "weights.pth"


def other_network(weights, tmp_path):
    torch.save({"blocks.0.weight": torch.zeros(3, 3)}, tmp_path / "weights.pth")
    return write_config(tmp_path, RESNET), tmp_path / "weights.pth"


def no_weights(weights, tmp_path):
    (tmp_path / "weights.pth").write_bytes(bytes(100))
    return write_config(tmp_path, RESNET), tmp_path / "weights.pth"


def no_file(weights, tmp_path):
    return write_config(tmp_path, RESNET), tmp_path / "nowhere.pth"


def no_config(weights, tmp_path):
    torch.save(weights, tmp_path / "weights.pth")
    return tmp_path / "nothing.py", tmp_path / "weights.pth"


def no_backbone(weights, tmp_path):
    torch.save(weights, tmp_path / "weights.pth")
    (tmp_path / "network.py").write_text("model = dict(type='Nothing')")
    return tmp_path / "network.py", tmp_path / "weights.pth"


def no_maps(weights, tmp_path):
    torch.save(weights, tmp_path / "weights.pth")
    arch = dict(embed_dims=8, num_layers=1, tokens_mlp_dims=8, channels_mlp_dims=8)
    mixer = dict(type="mmpretrain.MlpMixer", arch=arch, img_size=64, patch_size=16)
    return write_config(tmp_path, mixer), tmp_path / "weights.pth"


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        (wrong_depth, ValueError, r"weights\.pth fills .* of .* weights of ResNet.*Give the config"),
        (deeper, ValueError, r"weights\.pth is of a deeper network than ResNet: it has further blocks, layer1\.2"),
        (wrong_width, ValueError, r"weights\.pth fills .* of .* weights of ResNet"),
        (other_network, ValueError, r"weights\.pth fills 0 of 60 weights of ResNet"),
        (no_weights, ValueError, r"weights\.pth cannot be read as weights"),
        (no_file, FileNotFoundError, r"No checkpoint at .*nowhere\.pth"),
        (no_config, FileNotFoundError, r"There is no config '.*nothing\.py'"),
        (no_backbone, ValueError, r"network\.py names no backbone"),
        (no_maps, ValueError, r"network\.py: MlpMixer does not return a tuple of feature maps"),
    ],
)
def test_what_does_not_fit_is_an_error_before_any_work(resnet, tmp_path, case, error, message):
    config, checkpoint = case(resnet[1], tmp_path)
    with pytest.raises(error, match=message):
        foreign_network(str(config), checkpoint)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_steps_are_of_this_network_and_see_photos_as_it_wants_them(request, tmp_path, kind):
    config, weights = request.getfixturevalue(kind)
    torch.save(weights, tmp_path / "weights.pth")
    start = foreign_network(str(config), tmp_path / "weights.pth").start_in(tmp_path / "work")
    configs = DiscoveryConfigs(
        tmp_path, tmp_path / "photos.txt", 40, DiscoverySettings(clusters=3, seed=5), training_size(40), start
    )
    attention = configs.pixel_attention(None)
    attention.dump(tmp_path / "attention.py")
    labels = configs.labels(3, tmp_path / "attention.py", tmp_path)
    finetune = configs.finetune(3, None, tmp_path / "labels")
    photo = np.random.default_rng(0).integers(0, 255, (90, 130, 3), np.uint8)
    for cfg in (attention, labels, finetune):
        model = MODELS.build(cfg.model)
        model.init_weights()
        kept = torch.load(start.checkpoint, weights_only=True)["state_dict"]
        assert all(torch.equal(model.state_dict()[name], value) for name, value in kept.items())
        if start.preprocessor:
            assert model.data_preprocessor.mean.flatten().tolist() == NORMALIZATION["mean"]
        assert cfg.randomness.seed == 5
        if cfg.model.type == "PixelAttentionSegmentor":
            model.decode_head.set_centroids(torch.randn(3, model.decode_head.centroids.shape[1]), 0.5)
        steps = [step for step in cfg.test_dataloader.dataset.pipeline if not step["type"].startswith("Load")]
        data = Compose(steps)(dict(img=photo, img_shape=(90, 130), ori_shape=(90, 130), img_path="", seg_fields=[]))
        assert start.divisor is None or all(side % start.divisor == 0 for side in data["inputs"].shape[1:])
        assert model.eval().test_step(pseudo_collate([data]))[0].pred_sem_seg.shape == (90, 130)
    # Both trainings take a step.
    crops = [torch.rand(8, 3, size, size) for size in (154, 154)]
    assert MODELS.build(attention.model).loss(dict(crops=crops))["loss"].isfinite()
    masks = [SegDataSample(gt_sem_seg=PixelData(data=torch.randint(4, (1, 182, 182)))) for _ in range(2)]
    assert MODELS.build(finetune.model).loss(torch.rand(2, 3, 182, 182), masks)["decode.loss_ce"].isfinite()
    sides = [step.size for step in finetune.train_dataloader.dataset.pipeline if step.type == "RandomResizedCropSeg"]
    sides += [step.groups[0].size for step in attention.train_dataloader.dataset.pipeline if step.type == "MultiCrop"]
    assert sides == ([192, 160] if start.divisor is None else [182, 154])
    assert "prototype_kmeans" in attention.default_hooks and attention.model.image_projector is False
