# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Networks whose weights have the published names, written down apart from the package."""

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

HIDDEN, EMBEDDING, PROTOTYPES = 16, 8, 20
WIDTH, DEEP = 8, 64
RESNET = dict(type="ResNet", depth=18, base_channels=WIDTH, stem_channels=WIDTH, zero_init_residual=False)
"""The same network as mmseg names it."""


def channels(stage: int) -> int:
    """Channels of a stage's feature map."""
    return WIDTH * 2 ** (stage - 1)


def image_head(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, HIDDEN),
        nn.BatchNorm1d(HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, EMBEDDING),
        nn.BatchNorm1d(EMBEDDING, affine=False),
    )


def pixel_head(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, HIDDEN, 1, bias=False),
        nn.BatchNorm2d(HIDDEN),
        nn.ReLU(),
        nn.Conv2d(HIDDEN, HIDDEN, 1, bias=False),
        nn.BatchNorm2d(HIDDEN),
        nn.ReLU(),
        nn.Conv2d(HIDDEN, out, 1, bias=False),
        nn.BatchNorm2d(out, affine=False),
    )


class Backbone(nn.Module):
    """ResNet-18 of an eighth of the width, without a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        self.layer1 = nn.Sequential(BasicBlock(WIDTH, WIDTH), BasicBlock(WIDTH, WIDTH))
        for stage in (2, 3, 4):
            before, after = channels(stage - 1), channels(stage)
            shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride=2, bias=False), nn.BatchNorm2d(after))
            blocks = BasicBlock(before, after, stride=2, downsample=shortcut), BasicBlock(after, after)
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))

    def maps(self, images: Tensor) -> list[Tensor]:
        """Feature maps of stages 1 to 4."""
        x = nn.functional.max_pool2d(self.bn1(self.conv1(images)).relu(), 3, stride=2, padding=1)
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


class Pretrained(Backbone):
    def __init__(self, shallow: Iterable[int] = (3,)) -> None:
        super().__init__()
        self.projection_head = image_head(DEEP)
        self.projection_head_shallow = nn.ModuleDict(
            {f"projection_head_shallow{stage}": image_head(channels(stage)) for stage in shallow}
        )
        self.projection_head_pixel_shallow = nn.ModuleDict(
            {f"projection_head_pixel{stage}": pixel_head(channels(stage), channels(stage)) for stage in shallow}
        )
        self.projection_head_pixel = pixel_head(DEEP, EMBEDDING)
        self.predictor_head_pixel = nn.Sequential(
            nn.Conv2d(EMBEDDING, EMBEDDING, 1, bias=False),
            nn.BatchNorm2d(EMBEDDING),
            nn.ReLU(),
            nn.Conv2d(EMBEDDING, EMBEDDING, 1),
        )
        self.prototypes = nn.Linear(EMBEDDING, PROTOTYPES, bias=False)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.randn(1, DEEP, 1, 1))
        self.atten = nn.Sequential(
            nn.Conv2d(DEEP, DEEP, 1), nn.BatchNorm2d(DEEP), nn.ReLU(), nn.Conv2d(DEEP, DEEP, 1), nn.BatchNorm2d(DEEP)
        )


class PixelAttention(Backbone):
    def __init__(self) -> None:
        super().__init__()
        self.projection_head = image_head(DEEP)
        self.prototypes = nn.Linear(EMBEDDING, PROTOTYPES, bias=False)
        self.fbg = Attention()


class FineTuned(Backbone):
    def __init__(self, classes: int = 11) -> None:
        super().__init__()
        self.last_layer = nn.Conv2d(DEEP, classes, 1)


class SemiSupervised(Backbone):
    def __init__(self, classes: int = 11) -> None:
        super().__init__()
        self.head = nn.Conv2d(DEEP, classes, 1)


class ConvNeXtBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.randn(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        return x + (self.gamma * self.pwconv2(nn.functional.gelu(self.pwconv1(y)))).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """ConvNeXt with the names of its paper's code, a final norm at each position and a segmentation head."""

    def __init__(self, depths=(1, 1, 2, 1), widths=(8, 12, 16, 24), classes: int = 11) -> None:
        super().__init__()
        self.downsample_layers = nn.ModuleList([nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), self._norm(widths[0]))])
        for before, after in pairwise(widths):
            self.downsample_layers.append(nn.Sequential(self._norm(before), nn.Conv2d(before, after, 2, 2)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)
        self.head = nn.Conv2d(widths[-1], classes, 1)

    @staticmethod
    def _norm(channels: int) -> nn.LayerNorm:
        return nn.LayerNorm(channels, eps=1e-6)

    @staticmethod
    def _run(layer: nn.Module, x: Tensor) -> Tensor:
        if isinstance(layer, nn.LayerNorm):
            return layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return layer(x)

    def features(self, x: Tensor) -> Tensor:
        for down, stage in zip(self.downsample_layers, self.stages, strict=True):
            for layer in down:
                x = self._run(layer, x)
            x = stage(x)
        return self._run(self.norm, x)


def randomize(module: nn.Module) -> nn.Module:
    """Give batch norms statistics of their own, so that a forgotten one shows."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            layer.num_batches_tracked.fill_(7)
    return module.eval()


def as_file(network: nn.Module) -> dict:
    """What the published training scripts of PASS save, but for the optimizer."""
    return dict(
        epoch=3, arch="resnet18", state_dict={f"module.{name}": value for name, value in network.state_dict().items()}
    )
