# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
import re
from argparse import Namespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint, load_from_local
from mmseg.apis import init_model
from mmseg.registry import MODELS
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from mmluss.checkpoints.direct_loading import converted_checkpoint
from mmluss.checkpoints.files import read_checkpoint
from mmluss.models import LUSSSegmentor, PASSPretrainer, PixelAttentionSegmentor
from tests.helpers.file_server import serve

from .published_networks import (
    DEEP,
    EMBEDDING,
    HIDDEN,
    PROTOTYPES,
    RESNET,
    Backbone,
    FineTuned,
    PixelAttention,
    Pretrained,
    SemiSupervised,
    as_file,
    image_head,
    randomize,
)
from .test_imagenetseg_checkpoints import TINY_VIT

CLASSES = 11
SIZES = dict(backbone=RESNET, hidden_channels=HIDDEN, embedding_dim=EMBEDDING, num_prototypes=PROTOTYPES)
HEAD = dict(type="LinearHead", num_classes=CLASSES)


def write(path, network: nn.Module) -> str:
    """A file as the published scripts save it."""
    if isinstance(network, SemiSupervised):
        torch.save(dict(model=network.state_dict(), optimizer={}, args=Namespace(lr=0.1), epoch=3), path)
    else:
        torch.save(as_file(network), path)
    return str(path)


def assert_backbone(backbone: nn.Module, published: nn.Module) -> None:
    stored = published.state_dict()
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, stored[name]), name


@pytest.fixture(params=[Pretrained, PixelAttention, FineTuned, SemiSupervised], ids=lambda kind: kind.__name__)
def published(request) -> nn.Module:
    return randomize(request.param())


@pytest.mark.parametrize("prefix", [None, "backbone", "backbone."])
@pytest.mark.parametrize("scope", ["mmseg", None])
def test_lone_backbone(published, prefix, scope, tmp_path):
    if scope:
        init_default_scope(scope)
    init_cfg = dict(type="Pretrained", checkpoint=write(tmp_path / "x.pth", published), prefix=prefix)
    backbone = MODELS.build(dict(RESNET, init_cfg=init_cfg))
    backbone.init_weights()
    assert_backbone(backbone, published)


def test_whole_model_by_init_cfg(tmp_path):
    published = randomize(Pretrained())
    init_cfg = dict(type="Pretrained", checkpoint=write(tmp_path / "x.pth", published))
    model = PASSPretrainer(**SIZES, init_cfg=init_cfg)
    model.init_weights()
    assert_backbone(model.backbone, published)
    assert torch.equal(model.prototypes.weight, published.prototypes.weight)
    assert torch.equal(model.pixel_predictor.layers[3].bias, published.predictor_head_pixel[3].bias)


def test_start_of_pixel_attention(tmp_path):
    published = randomize(Pretrained())
    model = PixelAttentionSegmentor(**SIZES, pretrained=write(tmp_path / "x.pth", published))
    model.init_weights()
    assert_backbone(model.backbone, published)
    assert torch.equal(model.projector.layers[0].weight, published.projection_head[0].weight)
    assert torch.equal(model.prototypes.weight, published.prototypes.weight)


@pytest.mark.parametrize("build", [FineTuned, SemiSupervised])
def test_load_from(build, tmp_path, caplog):
    published = randomize(build(CLASSES))
    model = LUSSSegmentor(backbone=RESNET, decode_head=HEAD)
    load_checkpoint(model, write(tmp_path / "x.pth", published), map_location="cpu", strict=True)
    assert_backbone(model.backbone, published)
    head = published.last_layer if build is FineTuned else published.head
    assert torch.equal(model.decode_head.conv_seg.weight, head.weight)


def test_published_pixel_attention_loads_strictly(tmp_path):
    model = PixelAttentionSegmentor(**SIZES, queue=dict(length=8))
    published = randomize(PixelAttention())
    load_checkpoint(model, write(tmp_path / "x.pth", published), map_location="cpu", strict=True)
    assert torch.equal(model.decode_head.offset, published.fbg.threshold)


def test_init_model(tmp_path):
    published = randomize(FineTuned(CLASSES))
    config = Config(
        dict(
            default_scope="mmseg",
            model=dict(type="LUSSSegmentor", backbone=RESNET, decode_head=HEAD, test_cfg=dict(mode="whole")),
            test_dataloader=dict(dataset=dict(type="ImageNetSDataset")),
        )
    )
    model = init_model(config, write(tmp_path / "x.pth", published), device="cpu")
    assert_backbone(model.backbone, published)


def test_wrong_model_is_told(tmp_path):
    model = LUSSSegmentor(backbone=RESNET, decode_head=HEAD)
    with pytest.raises(RuntimeError, match=r"missing keys in source state_dict: decode_head\.conv_seg\.weight"):
        load_checkpoint(model, write(tmp_path / "x.pth", randomize(Pretrained())), strict=True)


def test_part_that_a_file_does_not_have_is_told(tmp_path):
    init_cfg = dict(type="Pretrained", checkpoint=write(tmp_path / "x.pth", FineTuned()), prefix="projector.")
    backbone = MODELS.build(dict(RESNET, init_cfg=init_cfg))
    with pytest.raises(ValueError, match=r"fills 0 of \d+ weights of ResNet under the prefix 'projector\.'"):
        backbone.init_weights()


def ordinary_checkpoints() -> dict[str, object]:
    ours = LUSSSegmentor(backbone=RESNET, decode_head=HEAD)
    return {
        "ours": dict(state_dict=ours.state_dict(), meta=dict(epoch=1), message_hub={}, optimizer=dict(state={})),
        "bare_resnet": Backbone().state_dict(),
        "timm_vit": VisionTransformer(img_size=64, embed_dim=16, depth=1, num_heads=2).state_dict(),
        "of_mmengine": dict(state_dict=FineTuned().state_dict(), meta=dict(epoch=1)),
        "other": dict(a=torch.zeros(2), b=3),
        "tensor": torch.zeros(2),
        "list": [1, 2],
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ordinary_checkpoints())
def test_ordinary_files_are_untouched(name, zipped, tmp_path):
    checkpoint = ordinary_checkpoints()[name]
    torch.save(checkpoint, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / "x.pth"), "cpu")
    plain = load_from_local(str(tmp_path / "x.pth"), "cpu")
    assert type(loaded) is type(plain)
    torch.testing.assert_close(loaded, plain, rtol=0, atol=0)
    assert converted_checkpoint(loaded) is None


def small_network(**heads: nn.Module) -> nn.Module:
    return nn.ModuleDict(dict(conv1=nn.Conv2d(3, 4, 3), **heads))


def with_head(network: nn.Module, name: str, head: nn.Module) -> nn.Module:
    network.add_module(name, head)
    return network


def small_vit(**settings) -> VisionTransformer:
    return VisionTransformer(img_size=64, embed_dim=16, depth=1, num_heads=2, **settings)


# Networks of others with names that published checkpoints have, too.
STRANGERS = {
    "swav_without_stages": lambda: small_network(
        projection_head=nn.Sequential(nn.Linear(4, 4)), prototypes=nn.Linear(4, 3)
    ),
    "swav": lambda: with_head(Backbone(), "projection_head", image_head(DEEP)[:4]),
    "last_layer": lambda: small_network(last_layer=nn.Conv2d(4, 3, 1)),
    "classifier": lambda: with_head(Backbone(), "last_layer", nn.Linear(DEEP, 3)),
    "two_heads": lambda: with_head(FineTuned(), "auxiliary", nn.Conv2d(DEEP, 3, 1)),
    "vit_of_51_classes": lambda: small_vit(num_classes=51),
    "pooled_vit_of_51_classes": lambda: small_vit(num_classes=51, global_pool="avg"),
}
AUTHORS = {network.__name__: network for network in (Pretrained, PixelAttention, FineTuned, SemiSupervised)}


@pytest.mark.parametrize("container", ["state_dict", "model", None])
@pytest.mark.parametrize("name", STRANGERS)
def test_files_of_others_are_not_renamed(name, container, tmp_path):
    weights = STRANGERS[name]().state_dict()
    torch.save({container: weights} if container else weights, tmp_path / "x.pth")
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / "x.pth"), "cpu")
    assert (loaded[container] if container else loaded).keys() == weights.keys()


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", STRANGERS | AUTHORS)
def test_the_network_that_wrote_a_file_loads_it(name, wrapped, tmp_path):
    build = (STRANGERS | AUTHORS)[name]
    published, own = randomize(build()), build()
    torch.save(dict(state_dict=published.state_dict(), epoch=3), tmp_path / "x.pth")
    load_checkpoint(nn.DataParallel(own) if wrapped else own, str(tmp_path / "x.pth"), strict=True)
    stored = published.state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in own.state_dict().items())


def test_lone_backbone_by_load_checkpoint(published, tmp_path):
    backbone = MODELS.build(RESNET)
    load_checkpoint(backbone, write(tmp_path / "x.pth", published))
    assert_backbone(backbone, published)


def test_what_was_loaded_can_be_saved(tmp_path):
    loaded = CheckpointLoader.load_checkpoint(write(tmp_path / "x.pth", randomize(FineTuned(CLASSES))), "cpu")
    torch.save(loaded, tmp_path / "again.pth")
    again = torch.load(tmp_path / "again.pth", weights_only=True)
    LUSSSegmentor(backbone=RESNET, decode_head=HEAD).load_state_dict(again["state_dict"])


def test_missing_file_is_told_with_what_would_write_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path / 'x.pth'}: no such checkpoint")):
        CheckpointLoader.load_checkpoint(str(tmp_path / "x.pth"), "cpu")


def timm_vit() -> VisionTransformer:
    network = VisionTransformer(img_size=64, patch_size=16, embed_dim=32, depth=3, num_heads=4, num_classes=0)
    return network.eval()


@pytest.mark.parametrize("prefix", [None, "backbone."])
def test_bare_vision_transformer_initializes_that_of_mmpretrain(prefix, tmp_path):
    published = timm_vit()
    torch.save(dict(model=published.state_dict()), tmp_path / "mae.pth")
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "mae.pth"), prefix=prefix)
    backbone = MODELS.build(dict(TINY_VIT, init_cfg=init_cfg))
    backbone.init_weights()
    assert torch.equal(backbone.layers[2].attn.qkv.weight, published.blocks[2].attn.qkv.weight)
    assert torch.equal(backbone.ln1.weight, published.norm.weight)


def test_bare_vision_transformer_initializes_one_with_its_own_names(tmp_path):
    published, own = timm_vit(), timm_vit()
    torch.save(published.state_dict(), tmp_path / "vit.pth")
    load_checkpoint(own, str(tmp_path / "vit.pth"), strict=True)
    assert torch.equal(own.blocks[2].attn.qkv.weight, published.blocks[2].attn.qkv.weight)


@pytest.mark.parametrize(
    ("prefix", "names"),
    [("backbone", "encoder."), ("encoder", "model."), (None, "encoder_"), ("encoder_k", "module.encoder_q.")],
)
def test_a_file_that_fills_nothing_is_refused(tmp_path, prefix, names):
    source = MODELS.build(dict(type="mmpretrain.ResNet", depth=18, base_channels=8, stem_channels=8))
    torch.save({f"{names}{name}": value for name, value in source.state_dict().items()}, tmp_path / "other.pth")
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "other.pth"), prefix=prefix)
    target = MODELS.build(dict(type="mmpretrain.ResNet", depth=18, base_channels=8, stem_channels=8, init_cfg=init_cfg))
    with pytest.raises(ValueError, match=r"other\.pth fills \d of \d+ weights of ResNet.* give one of them as prefix"):
        target.init_weights()


# Names that mmengine looks an address up for, and the function that does.
LOOK_UPS = {
    "torchvision://": "get_torchvision_models",
    "modelzoo://": "get_torchvision_models",
    "open-mmlab://": "get_external_models",
    "openmmlab://": "get_external_models",
    "mmcls://": "get_mmcls_models",
}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve a checkpoint; gives its name after a prefix that mmengine looks up, or else its address."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with serve(b"", "x.pth") as server:
        for name in LOOK_UPS.values():
            monkeypatch.setattr(mmengine_checkpoint, name, lambda: dict(net=server.address))

        def write(checkpoint: object, prefix: str = "http://") -> str:
            torch.save(checkpoint, tmp_path / "served.pth")
            server.content = (tmp_path / "served.pth").read_bytes()
            return f"{prefix}net" if prefix in LOOK_UPS else server.address

        yield write


class Code:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("prefix", ["http://", *LOOK_UPS])
@pytest.mark.parametrize("start", [False, True])
def test_code_at_an_address_is_refused(served, prefix, start, tmp_path):
    place = served(dict(state_dict=Backbone().state_dict(), more=Code(tmp_path / "ran")), prefix)
    with pytest.raises(ValueError, match=r"^http://.*/x\.pth.* cannot be read as weights \(it holds a posix\.mkdir"):
        if start:
            MODELS.build(dict(RESNET, init_cfg=dict(type="Pretrained", checkpoint=place))).init_weights()
        else:
            CheckpointLoader.load_checkpoint(place, "cpu")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("prefix", ["http://", *LOOK_UPS])
def test_weights_at_an_address(served, prefix):
    weights = {f"backbone.{name}": value for name, value in Backbone().state_dict().items()}
    loaded = CheckpointLoader.load_checkpoint(served(dict(state_dict=weights), prefix), "cpu")["state_dict"]
    expected = {name.removeprefix("backbone."): v for name, v in weights.items()} if "mmcls" in prefix else weights
    torch.testing.assert_close(dict(loaded), expected, rtol=0, atol=0)


def test_published_checkpoint_at_an_address(served, published, tmp_path):
    checkpoint = read_checkpoint(write(tmp_path / "published.pth", published))
    init_cfg = dict(type="Pretrained", checkpoint=served(checkpoint))
    backbone = MODELS.build(dict(RESNET, init_cfg=init_cfg))
    backbone.init_weights()
    assert_backbone(backbone, published)
