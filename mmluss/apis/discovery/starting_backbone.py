# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The network that a discovery starts from: the embedded EfficientNet-Lite0, or one that was trained elsewhere."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import WEIGHT_INITIALIZERS, init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmluss.apis.steps.training_folder import backbone_of
from mmluss.apis.tools.mmseg_tools import find_config
from mmluss.checkpoints.conversion import convert_checkpoint
from mmluss.checkpoints.direct_loading import DeeperNetworkError
from mmluss.checkpoints.efficientnet_lite0 import efficientnet_lite0_to_timm, installed_efficientnet_lite0
from mmluss.checkpoints.files import read_checkpoint, write_checkpoint
from mmluss.models.backbones.feature_channels import feature_channels
from mmluss.utils.fingerprints import file_fingerprint
from mmluss.utils.listings import shorten

_PREFIXES = (None, "backbone")
_PROBE_SIDE = 448
"""A common multiple of the strides and patch sizes of most networks."""


@dataclass(frozen=True)
class StartingBackbone:
    """Where a discovery starts.

    Attributes:
        checkpoint: Weights, named ``backbone.*``.
        title: What they are, for people.
        backbone: Config of the network; None for the EfficientNet-Lite0 of the step configs.
        preprocessor: What of ``LUSSDataPreProcessor`` it was trained with.
        divisor: Images are resized to multiples of it, for networks that would pad them to whole patches; else None.
    """

    checkpoint: Path
    title: str
    backbone: dict[str, Any] | None = None
    preprocessor: dict[str, Any] | None = None
    divisor: int | None = None

    def put_into(self, cfg: Config) -> None:
        """Have the model of a step config be of this network, and photos come as it wants them.

        Args:
            cfg: Changed in place, unless the network is that of the step configs.
        """
        if self.backbone is None:
            return
        cfg.model.backbone = dict(self.backbone, init_cfg=backbone_of(self.checkpoint))
        cfg.model.data_preprocessor = dict(type="LUSSDataPreProcessor", channels_last=True, **(self.preprocessor or {}))
        if self.divisor is not None:
            for loader in ("train_dataloader", "test_dataloader"):
                if cfg.get(loader) is not None:
                    cfg[loader].dataset.pipeline = _in_whole_patches(cfg[loader].dataset.pipeline, self.divisor)


def embedded_start(folder: Path) -> StartingBackbone:
    """EfficientNet-Lite0, which the package brings.

    Args:
        folder: Where its checkpoint is kept.
    """
    path = folder / "start.pth"
    if not path.is_file():

        def convert(weights: dict) -> dict:
            return {f"backbone.{name}": tensor for name, tensor in efficientnet_lite0_to_timm(weights).items()}

        convert_checkpoint(installed_efficientnet_lite0(), path, convert)
    return StartingBackbone(path, "EfficientNet-Lite0, supervised on ImageNet")


@dataclass(frozen=True)
class ForeignNetwork:
    """A network that was trained elsewhere, such as by DINO, DINOv2, mmpretrain or torchvision.

    Attributes:
        network: The network with its weights.
        source: Where these came from.
        backbone: Its config.
        preprocessor: What of ``LUSSDataPreProcessor`` it was trained with.
    """

    network: nn.Module
    source: Path
    backbone: dict[str, Any]
    preprocessor: dict[str, Any]

    def start_in(self, folder: Path) -> StartingBackbone:
        """Keep the weights in a folder; a file there stays what it is, so that steps made from it are not done again.

        Args:
            folder: Made if need be.
        """
        kept = folder / "backbone.pth"
        meta = dict(source=self.source.name, sha256=file_fingerprint(self.source), backbone=repr(self.backbone))
        if not (kept.is_file() and read_checkpoint(kept).get("meta") == meta):
            weights = {f"backbone.{name}": value for name, value in self.network.state_dict().items()}
            write_checkpoint(dict(meta=meta, state_dict=weights), kept)
        title = f"{type(self.network).__name__} with the weights of {self.source.name}"
        return StartingBackbone(kept, title, self.backbone, self.preprocessor, _divisor(self.network))


def foreign_network(config: str, checkpoint: str | Path) -> ForeignNetwork:
    """Build a network that was trained elsewhere, and fill it.

    Args:
        config: Config with ``model.backbone`` (or ``backbone``) and its ``data_preprocessor``: a path, or the name of
            one that comes with mmluss. One of mmpretrain's has ``default_scope = "mmpretrain"``.
        checkpoint: Its weights, under whatever prefix.

    Raises:
        FileNotFoundError: If there is no such config or checkpoint.
        ValueError: If the config names no backbone, the backbone gives no feature maps, or the checkpoint does not have
            its weights; the message says what fits.
    """
    init_default_scope("mmseg")
    path = find_config(config)
    cfg = Config.fromfile(path)
    backbone, preprocessor = _backbone_config(cfg, path), _preprocessor(cfg)
    # A file that cannot be read is told of before a network is built.
    read_checkpoint(checkpoint)
    network = MODELS.build(backbone)
    try:
        feature_channels(network)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from None
    _fill(network, Path(checkpoint))
    return ForeignNetwork(network, Path(checkpoint), backbone, preprocessor)


def _backbone_config(cfg: Config, path: Path) -> dict[str, Any]:
    found = (cfg.get("model") or {}).get("backbone") or cfg.get("backbone")
    if not found or "type" not in found:
        raise ValueError(f"{path} names no backbone: a config with model = dict(backbone=dict(type=...)) is needed")
    backbone = dict(Config(dict(found)).to_dict(), init_cfg=None)
    scope = cfg.get("default_scope")
    if scope not in (None, "mmseg") and "." not in backbone["type"]:
        backbone["type"] = f"{scope}.{backbone['type']}"
    if backbone["type"] == "mmpretrain.VisionTransformer":
        # Classifiers take a token; outlines need the map.
        backbone["out_type"] = "featmap"
    return backbone


def _preprocessor(cfg: Config) -> dict[str, Any]:
    found = (cfg.get("model") or {}).get("data_preprocessor") or cfg.get("data_preprocessor") or {}
    kept = {name: list(found[name]) for name in ("mean", "std") if found.get(name) is not None}
    turned = found.get("bgr_to_rgb", found.get("to_rgb"))
    return kept if turned is None else dict(kept, bgr_to_rgb=bool(turned))


def _fill(network: nn.Module, checkpoint: Path) -> None:
    """Load a checkpoint into a network, and refuse one that leaves any of its matrices without weights."""
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    best: list[str] | None = None
    for prefix in _PREFIXES:
        for parameter in network.parameters():
            parameter.data.fill_(math.nan)
        try:
            WEIGHT_INITIALIZERS.build(dict(type="Pretrained", checkpoint=str(checkpoint), prefix=prefix))(network)
        except DeeperNetworkError:
            raise
        except ValueError:
            # So little fits that the initializer refuses it.
            continue
        empty = [name for name, value in network.named_parameters() if bool(value.isnan().any())]
        best = empty if best is None else min(best, empty, key=len)
        if not any(before[name].ndim > 1 for name in empty):
            # Biases and norms that a file lacks begin as in any new network.
            for name, value in network.named_parameters():
                if name in empty:
                    value.data.copy_(before[name])
            return
    kind, total = type(network).__name__, len(before)
    filled = 0 if best is None else total - len(best)
    lacking = "" if best is None else f"; it lacks {shorten(best)}"
    raise ValueError(
        f"{checkpoint} fills {filled} of {total} weights of {kind}{lacking}. Give the config that these "
        "weights were trained with, or the checkpoint of this network."
    )


@torch.no_grad()
def _divisor(network: nn.Module) -> int | None:
    """Stride of a network that cuts images into patches; None for others, whose maps no padding shifts."""
    if not hasattr(network, "patch_embed"):
        return None
    network.eval()
    height = network(torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE))[-1].shape[2]
    return round(_PROBE_SIDE / height)


def _in_whole_patches(pipeline: Sequence[dict[str, Any]], divisor: int) -> list[dict[str, Any]]:
    """Transforms whose results have sides that are multiples of a number."""

    def whole(side: int) -> int:
        return max(1, side // divisor) * divisor

    changed: list[dict[str, Any]] = []
    for step in pipeline:
        if step["type"] == "RandomResizedCropSeg":
            step = dict(step, size=whole(step["size"]))
        elif step["type"] == "MultiCrop":
            step = dict(step, groups=[dict(group, size=whole(group["size"])) for group in step["groups"]])
        changed.append(step)
        if step["type"].endswith("ResizeEdge"):
            changed.append(dict(type="ResizeToMultiple", size_divisor=divisor))
    return changed
