# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Published checkpoints load wherever mmengine takes a checkpoint: ``load_from``, ``init_cfg``, tools and apis.

``register_published_checkpoints`` puts two of mmengine's extension points to use: its loader of local files, which then
gives published checkpoints with our names, and its ``Pretrained`` initializer, which then finds the backbone in them.
All other files take mmengine's own way.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model.weight_init import PretrainedInit, update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.runner.checkpoint import CheckpointLoader, load_from_local, load_state_dict
from torch import Tensor, nn

from mmluss.checkpoints.files import peek_checkpoint, unreadable_named
from mmluss.checkpoints.imagenetseg_checkpoints import has_segmentation_head, imagenetseg_to_mmluss
from mmluss.checkpoints.kinds import CheckpointKind, checkpoint_weights, detect_checkpoint_kind, shorten
from mmluss.checkpoints.pass_checkpoints import PASS_KINDS, pass_to_mmluss

_LEAST_FILLED = 0.1
"""Share of a module's weights that a file must fill at least."""

_ENCODER_KINDS = (CheckpointKind.VIT, CheckpointKind.CONVNEXT, CheckpointKind.CONVNEXT_TIMM)
# mmpretrain's names: of a vision transformer, of a ConvNeXt.
_FINAL_NORM = re.compile(r"(backbone\.)?(ln1|norm\d+)\.")


def converted_checkpoint(checkpoint: Any, bare_encoders: bool = False) -> dict[str, Any] | None:
    """A published checkpoint with our names, or None for any other.

    Args:
        checkpoint: What ``torch.load`` gave.
        bare_encoders: Also convert ViTs and ConvNeXts without a segmentation head, whose names other models share.

    Returns:
        ``dict(meta=..., state_dict=...)``.
    """
    if not isinstance(checkpoint, Mapping):
        return None
    try:
        weights = checkpoint_weights(checkpoint)
    except ValueError:
        return None
    kind = detect_checkpoint_kind(weights)
    if kind in PASS_KINDS:
        renamed = pass_to_mmluss(weights)
    elif kind is CheckpointKind.SEMI_RESNET or (
        kind in _ENCODER_KINDS and (bare_encoders or has_segmentation_head(weights))
    ):
        renamed = imagenetseg_to_mmluss(weights)
    else:
        return None
    return dict(meta=dict(converted_from=kind.value), state_dict=renamed)


def load_from_local_or_published(filename: str, map_location: str | None = None) -> Any:
    """Load a local checkpoint; a published one comes with our names.

    Args:
        filename: Local file.
        map_location: As for ``torch.load``; a published checkpoint goes to the CPU by default.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, such as one that was cut off.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"{filename}: no such checkpoint. Training leaves it in {path.parent}: run that step first, or give the "
            "path of another one (model.pretrained, init_cfg.checkpoint, load_from, or the argument of test.py)."
        )
    published = converted_checkpoint(peek_checkpoint(filename, map_location or "cpu"))
    if published is not None:
        return published
    with unreadable_named(filename):
        return load_from_local(filename, map_location)


class PublishedPretrainedInit(PretrainedInit):
    """mmengine's ``Pretrained`` that also takes published checkpoints, for whole models and for lone backbones.

    Without a ``prefix``, a module that knows none of the converted names is given the backbone's.

    Args:
        checkpoint: As for mmengine's ``Pretrained``.
        prefix: Likewise.
        map_location: Likewise.
        fresh_final_norm: The final norm of a vision transformer or ConvNeXt keeps its initialization, as in the
            semi-supervised protocol, unless the file has the ``fc_norm`` of a fine-tuned transformer.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str | None = None,
        map_location: str | None = None,
        fresh_final_norm: bool = False,
    ) -> None:
        super().__init__(checkpoint, prefix, map_location)
        self.fresh_final_norm = fresh_final_norm

    def __call__(self, module: nn.Module) -> None:
        """Load the checkpoint into a module, or the part of it that ``prefix`` names."""
        stored = peek_checkpoint(self.checkpoint)
        kept = _final_norm(module) if self.fresh_final_norm and not _has_fc_norm(stored) else {}
        self._load(module, stored)
        if kept:
            load_state_dict(module, module.state_dict() | kept)

    def _load(self, module: nn.Module, stored: Any) -> None:
        converted = converted_checkpoint(stored, bare_encoders=True)
        weights = {} if converted is None else self._part_for(module, converted["state_dict"])
        if not weights:
            self._check_fits(module)
            super().__call__(module)
            return
        print_log(f"load published weights in model from: {self.checkpoint}", logger="current")
        load_state_dict(module, weights, strict=False, logger="current")
        if hasattr(module, "_params_init_info"):
            update_init_info(module, init_info=self._get_init_info())

    def _check_fits(self, module: nn.Module) -> None:
        """Refuse a file that fills next to nothing of the module: training would go on with random weights.

        Raises:
            ValueError: Naming the file, what it fills, and names of either side.
        """
        checkpoint = peek_checkpoint(self.checkpoint)
        if not isinstance(checkpoint, Mapping):
            return
        try:
            stored = checkpoint_weights(checkpoint)
        except ValueError:
            return
        prefix = "" if self.prefix is None else self.prefix.rstrip(".") + "."
        part = {name.removeprefix(prefix): value for name, value in stored.items() if name.startswith(prefix)}
        own = {name: value for name, value in module.state_dict().items() if value.ndim > 0}
        filled = [name for name, value in own.items() if name in part and part[name].shape == value.shape]
        if own and len(filled) < _LEAST_FILLED * len(own):
            begun = sorted({name.split(".")[0] for name in stored})
            raise ValueError(
                f"{self.checkpoint} fills {len(filled)} of {len(own)} weights of {type(module).__name__}"
                + (f" under the prefix {prefix!r}" if prefix else "")
                + f": it wants names such as {next(iter(own))}, the file has {next(iter(stored))}. Its names begin "
                f"with {shorten(begun)}: give one of them as prefix of init_cfg, or the checkpoint of this network."
            )

    def _part_for(self, module: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights under ``prefix``, or the backbone's for a backbone; empty if the module knows none of them."""
        own = module.state_dict()
        prefixes = ("", "backbone.") if self.prefix is None else (self.prefix.rstrip(".") + ".",)
        parts = (
            {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
            for prefix in prefixes
        )
        return next((part for part in parts if any(name in own for name in part)), {})


def _final_norm(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the final norm's weights in a backbone of mmpretrain, alone or in a model."""
    return {name: value.clone() for name, value in module.state_dict().items() if _FINAL_NORM.match(name)}


def _has_fc_norm(stored: Any) -> bool:
    try:
        return any(name.endswith("fc_norm.weight") for name in checkpoint_weights(stored))
    except (AttributeError, ValueError):
        return False


def register_published_checkpoints() -> None:
    """Put both to use in this process."""
    CheckpointLoader.register_scheme("", load_from_local_or_published, force=True)
    WEIGHT_INITIALIZERS.register_module(name="Pretrained", module=PublishedPretrainedInit, force=True)
