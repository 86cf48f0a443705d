# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import pytest
import torch
from torch import nn

from mmluss.checkpoints.kinds import (
    CheckpointKind,
    check_state_dict,
    checkpoint_weights,
    detect_checkpoint_kind,
)
from mmluss.utils.listings import shorten

RESNET = ["conv1.weight", "layer1.0.conv1.weight"]


def weights(*names: str, **shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(shapes.get(name.split(".")[0], (1,))) for name in names}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (CheckpointKind.PASS_PRETRAIN, [*RESNET, "projection_head.4.running_mean", "prototypes.weight"]),
        (CheckpointKind.PASS_PIXEL_ATTENTION, [*RESNET, "projection_head.0.weight", "fbg.threshold"]),
        (CheckpointKind.RESNET, [*RESNET, "projection_head.0.weight", "projection_head.3.weight", "prototypes.weight"]),
        (CheckpointKind.RESNET, [*RESNET, "last_layer.weight"]),
        (CheckpointKind.RESNET, [*RESNET, "fc.weight"]),
        (CheckpointKind.RESNET, [*RESNET, "head.weight"]),
        (CheckpointKind.VIT, ["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"]),
        (CheckpointKind.VIT, ["backbone.patch_embed.proj.weight", "backbone.blocks.0.attn.qkv.weight"]),
        (CheckpointKind.VIT, ["base_encoder.patch_embed.proj.weight", "base_encoder.blocks.0.attn.qkv.weight"]),
        (CheckpointKind.CONVNEXT, ["downsample_layers.0.0.weight", "stages.0.0.dwconv.weight"]),
        (
            CheckpointKind.PRETRAINER,
            ["backbone.conv1.weight", "projector.layers.0.weight", "pixel_projector.layers.0.weight"],
        ),
        (CheckpointKind.PIXEL_ATTENTION_SEGMENTOR, ["backbone.conv1.weight", "decode_head.offset"]),
        (CheckpointKind.SEGMENTOR, ["backbone.conv1.weight", "decode_head.conv_seg.weight"]),
        (CheckpointKind.UNKNOWN, ["conv1.weight", "projection_head.4.running_mean"]),
        (CheckpointKind.UNKNOWN, ["conv1.weight", "fbg.threshold"]),
        (CheckpointKind.UNKNOWN, ["features.0.weight"]),
        (CheckpointKind.UNKNOWN, ["backbone.layers.0.weight"]),
        (CheckpointKind.UNKNOWN, ["downsample_layers.0.0.weight", "stages.0.0.depthwise_conv.weight"]),
    ],
)
def test_kinds_are_told_apart(kind, names):
    assert detect_checkpoint_kind(weights(*names)) is kind


@pytest.mark.parametrize(
    ("head", "kind"), [("head", CheckpointKind.SEMI_RESNET), ("last_layer", CheckpointKind.PASS_FINETUNE)]
)
def test_convolution_as_head_makes_a_segmentation_model(head, kind):
    state_dict = weights(*RESNET, f"{head}.weight", **{head: (5, 8, 1, 1)})
    assert detect_checkpoint_kind(state_dict) is kind


@pytest.mark.parametrize("container", ["state_dict", "model", "teacher", None])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_found_in_their_container(container, prefix):
    stored = {f"{prefix}a.weight": torch.ones(2), "epoch": 3}
    checkpoint = stored if container is None else {container: stored, "optimizer": {}, "epoch": 3}
    assert list(checkpoint_weights(checkpoint)) == ["a.weight"]


def test_checkpoint_without_weights_is_refused():
    with pytest.raises(ValueError, match="no weights found; its entries are: epoch, lr"):
        checkpoint_weights(dict(epoch=3, lr=0.1))


class Segmentor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(2, 3)
        self.decode_head = nn.ModuleDict(dict(conv_seg=nn.Linear(3, 4)))


def test_fitting_weights_pass():
    check_state_dict(Segmentor().state_dict(), Segmentor(), "file.pth")


def test_queue_may_be_absent_or_extra():
    check_state_dict(Segmentor().state_dict() | {"queue.embeddings": torch.zeros(2, 4, 3)}, Segmentor(), "file.pth")


def test_all_that_does_not_fit_is_listed():
    state_dict = Segmentor().state_dict()
    del state_dict["backbone.bias"]
    state_dict |= {"backbone.extra": torch.zeros(1), "decode_head.conv_seg.weight": torch.zeros(5, 3)}
    message = (
        "file.pth does not fit the model. Missing: backbone.bias; unexpected: backbone.extra; of another shape: "
        "decode_head.conv_seg.weight (5, 3) instead of (4, 3)."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        check_state_dict(state_dict, Segmentor(), "file.pth")


def test_pretraining_checkpoint_in_place_of_a_fine_tuned_one_is_named():
    state_dict = weights("backbone.weight", "backbone.bias", "projector.layers.0.weight", "pixel_projector.w")
    message = (
        "file.pth is a checkpoint of PASSPretrainer; a segmentor checkpoint with a linear head is expected. Missing: "
        "decode_head.conv_seg.weight, decode_head.conv_seg.bias; unexpected: projector.layers.0.weight"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        check_state_dict(state_dict, Segmentor(), "file.pth")


def test_long_lists_are_shortened():
    assert shorten(["a", "b", "c"], limit=2) == "a, b and 1 more"
    assert shorten(["a", "b"], limit=2) == "a, b"
