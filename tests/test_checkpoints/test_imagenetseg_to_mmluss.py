# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import pytest
import torch
from mmseg.registry import MODELS

from mmluss.models import LUSSSegmentor

from .published_networks import DEEP, RESNET, ConvNeXt, FineTuned, SemiSupervised, as_file, randomize
from .test_imagenetseg_checkpoints import TINY_CONVNEXT, TINY_VIT, vision_transformer

TOOL = "imagenetseg_to_mmluss.py"


@pytest.mark.parametrize(
    ("build", "backbone", "channels"),
    [
        (lambda: SemiSupervised(11), RESNET, DEEP),
        (lambda: ConvNeXt(classes=11), TINY_CONVNEXT, 24),
    ],
    ids=["resnet", "convnext"],
)
def test_result_loads(build, backbone, channels, tmp_path, run_converter):
    torch.save(dict(model=randomize(build()).state_dict(), epoch=3), tmp_path / "x.pth")
    run_converter(TOOL, tmp_path / "x.pth", tmp_path / "out.pth")
    head = dict(type="LinearHead", in_channels=channels, num_classes=11)
    model = LUSSSegmentor(backbone=backbone, decode_head=head)
    model.load_state_dict(torch.load(tmp_path / "out.pth", weights_only=True)["state_dict"])


def test_encoder_alone_initializes_a_backbone(tmp_path, run_converter):
    published = vision_transformer()
    weights = published.state_dict() | {"mask_token": torch.zeros(1, 1, 32), "decoder_pred.bias": torch.zeros(3)}
    torch.save(dict(model=weights), tmp_path / "mae.pth")
    run_converter(TOOL, tmp_path / "mae.pth", tmp_path / "out.pth", "--expect", "vit")
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "out.pth"), prefix="backbone.")
    backbone = MODELS.build(dict(TINY_VIT, init_cfg=init_cfg))
    backbone.init_weights()
    assert torch.equal(backbone.layers[1].ffn.layers[1].weight, published.blocks[1].mlp.fc2.weight)


@pytest.mark.parametrize(
    ("checkpoint", "arguments", "message"),
    [
        (lambda: as_file(FineTuned()), [], "x.pth: is a published PASS fine-tuned checkpoint; one of published semi"),
        (
            lambda: dict(model=SemiSupervised().state_dict()),
            ["--expect", "vit"],
            "x.pth: is a published semi-supervised ResNet checkpoint; a vision transformer checkpoint with timm's",
        ),
        (lambda: dict(epoch=3), [], "x.pth: no weights found; its entries are: epoch"),
        (
            lambda: dict(model=vision_transformer().state_dict() | {"reg_token": torch.zeros(1, 4, 32)}),
            [],
            "x.pth does not fit the model. Unexpected: backbone.reg_token.",
        ),
    ],
)
def test_wrong_files_are_refused(checkpoint, arguments, message, tmp_path, run_converter):
    torch.save(checkpoint(), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=re.escape(message)):
        run_converter(TOOL, tmp_path / "x.pth", tmp_path / "out.pth", *arguments)
    assert not (tmp_path / "out.pth").exists()
