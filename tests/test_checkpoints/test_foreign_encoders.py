# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Files as other learners write them fill a backbone completely, or nothing goes on."""

from argparse import Namespace
from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from mmseg.registry import MODELS
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from mmluss.checkpoints.encoder_search import find_weights
from mmluss.models import LUSSSegmentor, PASSPretrainer
from tests.helpers.file_server import serve

from .published_networks import DEEP, EMBEDDING, HIDDEN, PROTOTYPES, RESNET, Backbone, Pretrained, as_file, randomize
from .test_imagenetseg_checkpoints import TINY_VIT

Weights = dict[str, Tensor]
NUMBERS = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
PRETRAIN_RESNET = RESNET | dict(type="mmpretrain.ResNet")


def under(prefix: str, weights: Weights) -> Weights:
    return {f"{prefix}{name}": value for name, value in weights.items()}


def head(prefix: str) -> Weights:
    return under(prefix, nn.Sequential(nn.Linear(DEEP, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, EMBEDDING)).state_dict())


def numbered(weights: Weights) -> Weights:
    """A ResNet as the list of its children."""
    return {f"{NUMBERS[name.split('.')[0]]}.{name.partition('.')[2]}": value for name, value in weights.items()}


def moco_v2(encoder: Weights, follower: Weights) -> dict:
    weights = under("module.encoder_q.", encoder) | head("module.encoder_q.fc.")
    weights |= under("module.encoder_k.", follower) | head("module.encoder_k.fc.")
    queue = {"module.queue": torch.randn(EMBEDDING, 8), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
    return dict(epoch=200, arch="resnet50", state_dict=weights | queue, optimizer=dict(state={}, param_groups=[]))


def moco_v3(encoder: Weights, follower: Weights) -> dict:
    # The momentum encoder first: order is not what decides.
    weights = under("module.momentum_encoder.", follower) | under("module.base_encoder.", encoder)
    return dict(epoch=300, arch="resnet50", state_dict=weights | head("module.predictor."), scaler={})


def dino_full(encoder: Weights, follower: Weights) -> dict:
    # What counts as DINO's model is the teacher.
    return dict(
        student=under("module.backbone.", follower) | head("module.head.mlp."),
        teacher=under("backbone.", encoder) | head("head.mlp."),
        optimizer=dict(state={}, param_groups=[]),
        epoch=100,
        args=Namespace(arch="vit_small", lr=0.1),
        dino_loss=dict(center=torch.zeros(1, 8)),
    )


def lightning(weights: Weights) -> dict:
    return {
        "epoch": 99,
        "global_step": 1000,
        "pytorch-lightning_version": "2.1.0",
        "state_dict": weights,
        "loops": {},
        "callbacks": {"ModelCheckpoint{'monitor': None}": dict(best_model_path="")},
        "optimizer_states": [],
        "lr_schedulers": [],
    }


def lightly(encoder: Weights, follower: Weights) -> dict:
    weights = under("backbone.", numbered(encoder)) | head("projection_head.layers.")
    return lightning(weights | under("backbone_momentum.", numbered(follower)) | head("projection_head_momentum."))


def lightly_vit(encoder: Weights, follower: Weights) -> dict:
    return lightning(under("backbone.vit.", encoder) | under("teacher_ema.vit.", follower) | head("decoder."))


def solo_learn(encoder: Weights, follower: Weights, name: str = "backbone") -> dict:
    weights = under(f"{name}.", encoder) | under(f"momentum_{name}.", follower)
    return lightning(weights | head("projector.") | head("classifier."))


def mmpretrain(encoder: Weights, follower: Weights) -> dict:
    weights = {"data_preprocessor.mean": torch.zeros(3, 1, 1)} | under("encoder_k.module.0.", follower)
    weights |= under("backbone.", encoder) | head("neck.mlp.") | {"queue": torch.zeros(EMBEDDING, 8)}
    return dict(meta=dict(epoch=200, dataset_meta=dict(classes=None)), state_dict=weights, message_hub={})


def swav(encoder: Weights, follower: Weights) -> dict:
    return under("module.", encoder | head("projection_head.") | {"prototypes.weight": torch.zeros(8, EMBEDDING)})


def torchvision(encoder: Weights, follower: Weights) -> dict:
    return encoder | {"fc.weight": torch.zeros(1000, DEEP), "fc.bias": torch.zeros(1000)}


FORMATS: dict[str, Callable[[Weights, Weights], dict]] = {
    "moco_v2": moco_v2,
    "moco_v3": moco_v3,
    "dino_full": dino_full,
    "lightly": lightly,
    "solo_learn": solo_learn,
    "solo_learn_1.0": partial(solo_learn, name="encoder"),
    "mmpretrain": mmpretrain,
    "swav": swav,
    "torchvision": torchvision,
    "simsiam": lambda encoder, _: dict(state_dict=under("module.encoder.", encoder) | head("module.predictor.")),
    "barlow_twins": lambda encoder, _: dict(model=under("module.backbone.", encoder) | head("module.projector.")),
    "byol_or_compiled": lambda encoder, follower: (
        under("target_network._orig_mod.", follower) | under("online_network._orig_mod.", encoder)
    ),
}
VIT_FORMATS = {name: FORMATS[name] for name in ("moco_v3", "dino_full", "solo_learn")} | dict(lightly=lightly_vit)


def resnets() -> tuple[Weights, Weights]:
    return randomize(Backbone()).state_dict(), randomize(Backbone()).state_dict()


def vit() -> VisionTransformer:
    return VisionTransformer(img_size=64, patch_size=16, embed_dim=32, depth=3, num_heads=4, num_classes=0)


def build(config: dict, path, **init) -> nn.Module:
    model = MODELS.build(config | dict(init_cfg=dict(type="Pretrained", checkpoint=str(path), **init)))
    model.init_weights()
    return model


@pytest.mark.parametrize("config", [RESNET, PRETRAIN_RESNET], ids=["mmseg", "mmpretrain"])
@pytest.mark.parametrize("name", FORMATS)
def test_resnet(name, config, tmp_path):
    encoder, follower = resnets()
    torch.save(FORMATS[name](encoder, follower), tmp_path / "x.pth")
    state = build(config, tmp_path / "x.pth").state_dict()
    assert state.keys() == encoder.keys()
    assert [name for name, value in state.items() if not torch.equal(value, encoder[name])] == []


@pytest.mark.parametrize("name", VIT_FORMATS)
def test_vision_transformer(name, tmp_path):
    encoder, follower = vit(), vit()
    torch.save(VIT_FORMATS[name](encoder.state_dict(), follower.state_dict()), tmp_path / "x.pth")
    backbone = build(TINY_VIT, tmp_path / "x.pth")
    assert torch.equal(backbone.cls_token, encoder.cls_token)
    assert torch.equal(backbone.pos_embed, encoder.pos_embed)
    for layer, block in zip(backbone.layers, encoder.blocks, strict=True):
        assert torch.equal(layer.attn.qkv.weight, block.attn.qkv.weight)
        assert torch.equal(layer.ffn.layers[0][0].weight, block.mlp.fc1.weight)
        assert torch.equal(layer.ln2.bias, block.norm2.bias)


@pytest.mark.parametrize("name", ["moco_v2", "lightly", "mmpretrain"])
def test_backbone_of_a_whole_model(name, tmp_path):
    encoder, follower = resnets()
    torch.save(FORMATS[name](encoder, follower), tmp_path / "x.pth")
    config = dict(type="LUSSSegmentor", backbone=RESNET, decode_head=dict(type="LinearHead", num_classes=11))
    model = build(config, tmp_path / "x.pth")
    assert all(torch.equal(value, encoder[name]) for name, value in model.backbone.state_dict().items())


def test_network_of_timm(tmp_path):
    encoder = MODELS.build(dict(type="mmpretrain.TIMMBackbone", model_name="resnet10t", features_only=True))
    weights = {name.removeprefix("timm_model."): value + 1 for name, value in encoder.state_dict().items()}
    torch.save(moco_v2(weights, under("", encoder.state_dict())), tmp_path / "x.pth")
    config = dict(type="mmpretrain.TIMMBackbone", model_name="resnet10t", features_only=True)
    state = build(config, tmp_path / "x.pth").state_dict()
    assert all(torch.equal(value, weights[name.removeprefix("timm_model.")]) for name, value in state.items())


def test_prefix_of_ones_own_takes_the_follower(tmp_path):
    encoder, follower = resnets()
    for number, (form, prefix) in enumerate(((moco_v2, "encoder_k"), (lightly, "backbone_momentum."))):
        torch.save(form(encoder, follower), tmp_path / f"{number}.pth")
        state = build(RESNET, tmp_path / f"{number}.pth", prefix=prefix).state_dict()
        assert all(torch.equal(value, follower[name]) for name, value in state.items())


def test_heads_come_along_from_our_own_formats(tmp_path):
    published = randomize(Pretrained())
    torch.save(as_file(published), tmp_path / "x.pth")
    sizes = dict(backbone=RESNET, hidden_channels=HIDDEN, embedding_dim=EMBEDDING, num_prototypes=PROTOTYPES)
    init = dict(type="Pretrained", checkpoint=str(tmp_path / "x.pth"))
    model = PASSPretrainer(**sizes, init_cfg=init)
    model.init_weights()
    assert torch.equal(model.prototypes.weight, published.prototypes.weight)


OTHERS = {
    "depth": RESNET | dict(depth=50),
    "deeper": RESNET | dict(depth=34),
    "width": RESNET | dict(base_channels=16, stem_channels=16),
    "stem": RESNET | dict(deep_stem=True),
    "transformer": TINY_VIT,
    "convnext": dict(type="mmpretrain.ConvNeXt", arch=dict(depths=[1, 1, 1, 1], channels=[8, 8, 8, 8])),
    "swin": dict(
        type="mmpretrain.SwinTransformer", arch=dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])
    ),
}


@pytest.mark.parametrize("name", ["moco_v2", "lightly", "mmpretrain"])
@pytest.mark.parametrize("other", ["depth", "width", "stem", "transformer", "convnext", "swin"])
def test_file_of_another_network_is_refused(other, name, tmp_path):
    torch.save(FORMATS[name](*resnets()), tmp_path / "x.pth")
    with pytest.raises(
        ValueError,
        match=r"x\.pth (fills \d+ of \d+ weights of|is of another network than|has no stem\.0\.weight, .* for) \w+",
    ):
        build(OTHERS[other], tmp_path / "x.pth")


def test_new_parts_may_be_allowed(tmp_path):
    encoder, follower = resnets()
    torch.save(moco_v2(encoder, follower), tmp_path / "x.pth")
    state = build(OTHERS["stem"], tmp_path / "x.pth", allow_missing=True).state_dict()
    assert all(torch.equal(value, encoder[name]) for name, value in state.items() if name.startswith("layer"))
    with pytest.raises(ValueError, match=r"fills \d+ of \d+"):
        build(OTHERS["transformer"], tmp_path / "x.pth", allow_missing=True)


BOTTLENECKS = RESNET | dict(depth=50)
THREE_STAGES = dict(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,))


def convnext(*depths: int) -> dict:
    arch = dict(depths=depths, channels=[8, 12, 16, 24][: len(depths)])
    return dict(type="mmpretrain.ConvNeXt", arch=arch, out_indices=[len(depths) - 1])


def swin(*depths: int) -> dict:
    arch = dict(embed_dims=8, depths=depths, num_heads=[1, 1, 2, 2][: len(depths)])
    return dict(type="mmpretrain.SwinTransformer", arch=arch, out_indices=[len(depths) - 1])


def tiny_vit(layers: int) -> dict:
    return TINY_VIT | dict(arch=TINY_VIT["arch"] | dict(num_layers=layers))


def save(config: dict, path, prefix: str = "") -> Weights:
    weights = MODELS.build(config).state_dict()
    torch.save(dict(state_dict=under(prefix, weights)), path)
    return weights


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.encoder_q."])
@pytest.mark.parametrize(
    ("source", "target", "blocks"),
    [
        (RESNET | dict(depth=34), RESNET, "layer1.2, layer2.2, layer2.3"),
        (RESNET | dict(depth=101), BOTTLENECKS, "layer3.6, layer3.7"),
        (RESNET | dict(depth=101), BOTTLENECKS | THREE_STAGES, "layer3.6, layer3.7"),
        (convnext(1, 1, 3, 1), convnext(1, 1, 2, 1), "stages.2.2"),
        (swin(1, 1, 3, 1), swin(1, 1, 1, 1), "stages.2.blocks.1, stages.2.blocks.2"),
    ],
    ids=["resnet18", "resnet50", "three_stages", "convnext", "swin"],
)
def test_file_of_a_deeper_network_is_refused(source, target, blocks, prefix, tmp_path):
    save(source, tmp_path / "x.pth", prefix)
    with pytest.raises(ValueError, match=rf"x\.pth is of a deeper network than \w+: it has further blocks, {blocks}"):
        build(target, tmp_path / "x.pth")


def test_file_of_a_deeper_network_is_refused_for_a_whole_model(tmp_path):
    save(RESNET | dict(depth=34), tmp_path / "x.pth", "backbone.")
    model = dict(type="LUSSSegmentor", backbone=RESNET, decode_head=dict(type="LinearHead", num_classes=11))
    with pytest.raises(ValueError, match=r"x\.pth is of a deeper network than ResNet"):
        build(model, tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (BOTTLENECKS, BOTTLENECKS | THREE_STAGES),
        (convnext(1, 1, 2, 1), convnext(1, 1, 2)),
        (swin(1, 1, 3, 1), swin(1, 1, 3)),
        (tiny_vit(6), tiny_vit(3)),
    ],
    ids=["resnet", "convnext", "swin", "transformer"],
)
def test_networks_that_are_cut_off_load(source, target, tmp_path):
    weights = save(source, tmp_path / "x.pth", "backbone.")
    state = build(target, tmp_path / "x.pth").state_dict()
    # Their final norms have the number of their stage.
    assert all(torch.equal(value, weights[name]) for name, value in state.items() if not name.startswith("norm"))


@pytest.mark.parametrize("stages", [(0, 1, 2, 3, 4), (0, 1), (1,)], ids=str)
@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet10t"])
def test_first_stages_of_timm_load(name, stages, tmp_path):
    torch.manual_seed(3)
    weights = timm.create_model(name).state_dict()
    torch.save(weights, tmp_path / "x.pth")
    config = dict(type="mmpretrain.TIMMBackbone", model_name=name, features_only=True, out_indices=stages)
    state = build(config, tmp_path / "x.pth").state_dict()
    assert all(torch.equal(value, weights[name.removeprefix("timm_model.")]) for name, value in state.items())


PLUG_INS = {
    "offsets": dict(
        dcn=dict(type="DCN", deform_groups=1, fallback_on_stride=False), stage_with_dcn=(False, True, True, True)
    ),
    "context": dict(
        plugins=[
            dict(cfg=dict(type="ContextBlock", ratio=0.25), stages=(False, True, True, True), position="after_conv3")
        ]
    ),
}


@pytest.mark.parametrize("prefix", ["", "backbone."])
@pytest.mark.parametrize("name", PLUG_INS)
def test_plug_ins_of_blocks_start_as_new(name, prefix, tmp_path):
    weights = save(BOTTLENECKS, tmp_path / "x.pth", prefix)
    state = build(BOTTLENECKS | PLUG_INS[name], tmp_path / "x.pth").state_dict()
    assert len(state) > len(weights)
    assert all(torch.equal(state[name], value) for name, value in weights.items())
    with pytest.raises(ValueError, match=r"x\.pth has no layer2\.0\.con"):
        build(BOTTLENECKS | PLUG_INS[name], tmp_path / "x.pth", allow_missing=False)


@pytest.mark.parametrize("plug_ins", [{}, PLUG_INS["offsets"]], ids=["plain", "offsets"])
def test_lost_convolution_is_refused(plug_ins, tmp_path):
    weights = MODELS.build(BOTTLENECKS).state_dict()
    del weights["layer3.2.conv2.weight"]
    torch.save(weights, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth has no layer3\.2\.conv2\.weight for ResNet"):
        build(BOTTLENECKS | plug_ins, tmp_path / "x.pth")


@pytest.mark.parametrize("kept", ["layer1", "bn1", "conv1"])
def test_file_with_a_small_part_is_refused(kept, tmp_path):
    encoder, _ = resnets()
    part = {name: value for name, value in encoder.items() if name.startswith(kept)}
    torch.save(dict(state_dict=part), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"fills \d+ of 10\d weights of ResNet"):
        build(RESNET, tmp_path / "x.pth")


def test_small_stem_of_small_images_is_refused(tmp_path):
    encoder, follower = resnets()
    encoder["conv1.weight"] = encoder["conv1.weight"][..., :3, :3].clone()
    torch.save(solo_learn(encoder, follower), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"another network than ResNet: size mismatch for conv1\.weight"):
        build(RESNET, tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no checkpoint", r"x\.pth cannot be read as weights"),
        (dict(epoch=3), r"x\.pth holds no weights"),
        (dict(state_dict=dict(a="b")), r"x\.pth holds no weights"),
        ([torch.zeros(2)], r"x\.pth holds no weights"),
    ],
)
def test_file_without_weights_is_refused(content, message, tmp_path):
    if isinstance(content, bytes):
        (tmp_path / "x.pth").write_bytes(content)
    else:
        torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=message):
        build(RESNET, tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.pth", r"mine\.pth: no such checkpoint\. Training leaves it in"),
        ("mae_pretrain_vit_base.pth", r"download\.py mae_pretrain_vit_base"),
    ],
)
def test_missing_file_says_how_to_get_it(name, message, tmp_path):
    with pytest.raises(FileNotFoundError, match=message):
        build(TINY_VIT, tmp_path / name)


def test_files_by_address(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    published = randomize(Pretrained())
    torch.save(as_file(published), tmp_path / "x.pth")
    content = (tmp_path / "x.pth").read_bytes()
    with serve(content, "x.pth") as server:
        backbone = build(RESNET, server.address)
        assert torch.equal(backbone.conv1.weight, published.conv1.weight)
        assert "backbone.conv1.weight" in CheckpointLoader.load_checkpoint(server.address, "cpu")["state_dict"]
    with (
        serve(content, "y.pth") as server,
        pytest.raises(ValueError, match=r"y\.pth fills 100 of 265 weights"),
    ):
        build(OTHERS["depth"], server.address)


def test_nothing_found_in_nothing():
    found = find_weights({}, LUSSSegmentor(RESNET, dict(type="LinearHead", num_classes=2)).state_dict())
    assert (found.weights, found.filled) == ({}, 0)
