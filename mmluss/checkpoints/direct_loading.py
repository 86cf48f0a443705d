# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Published checkpoints load wherever mmengine takes a checkpoint: ``load_from``, ``init_cfg``, tools and apis.

``register_published_checkpoints`` puts two of mmengine's extension points to use: its loaders, which then give
published checkpoints with our names and run no code out of what they download, and its ``Pretrained`` initializer,
which then finds the backbone in them and in the files of other projects, or stops. A model that knows a published
checkpoint by the names in its file gets it under those.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model.weight_init import PretrainedInit, update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, load_from_local, load_state_dict
from torch import Tensor, nn

from mmluss.checkpoints.downloaded_checkpoints import downloaded_checkpoint, is_address
from mmluss.checkpoints.encoder_search import FoundWeights, find_weights
from mmluss.checkpoints.files import peek_checkpoint, read_checkpoint, unreadable_named
from mmluss.checkpoints.imagenetseg_checkpoints import has_segmentation_head, imagenetseg_to_mmluss
from mmluss.checkpoints.kinds import CheckpointKind, checkpoint_weights, detect_checkpoint_kind
from mmluss.checkpoints.network_blocks import further_blocks, plugged_in
from mmluss.checkpoints.pass_checkpoints import PASS_KINDS, pass_to_mmluss
from mmluss.checkpoints.published_files import FileRole, PublishedFile
from mmluss.utils.listings import shorten

LEAST_FILLED = 0.5
"""Share of a backbone's weights that a file must have at least."""

_ENCODER_KINDS = (CheckpointKind.VIT, CheckpointKind.CONVNEXT, CheckpointKind.CONVNEXT_TIMM)
# The backbone of published ResNets; what else they have is a head.
_RESNET_OR_HEAD = re.compile(r"backbone\.(conv1|bn1|layer[1-4])\.|(?!backbone\.)")
# Where renamed weights keep those of the file. mmengine copies these metadata along, and reads those of modules only.
_AS_STORED = "weights under the names of the file"
# mmpretrain's names: of a vision transformer, of a ConvNeXt.
_FINAL_NORM = re.compile(r"(backbone\.)?(ln1|norm\d+)\.")


class DeeperNetworkError(ValueError):
    """A file that has further blocks of a network's stages."""


def converted_checkpoint(checkpoint: Any, bare_encoders: bool = False) -> dict[str, Any] | None:
    """A published checkpoint with our names, or None for any other, such as what mmengine saved (it has ``meta``).

    Args:
        checkpoint: What ``torch.load`` gave.
        bare_encoders: Also convert ViTs and ConvNeXts without a segmentation head, whose names other models share.

    Returns:
        ``dict(meta=..., state_dict=...)``.
    """
    if not isinstance(checkpoint, Mapping) or "meta" in checkpoint:
        return None
    try:
        weights = checkpoint_weights(checkpoint)
    except ValueError:
        return None
    kind = detect_checkpoint_kind(weights)
    if kind in PASS_KINDS:
        renamed = pass_to_mmluss(weights)
    elif kind is CheckpointKind.SEMI_RESNET or (kind in _ENCODER_KINDS and (bare_encoders or _has_pixel_head(weights))):
        renamed = imagenetseg_to_mmluss(weights)
    else:
        return None
    if kind not in _ENCODER_KINDS and not all(map(_RESNET_OR_HEAD.match, renamed)):
        return None
    state_dict = OrderedDict(renamed)
    state_dict._metadata = {_AS_STORED: weights}  # type: ignore[attr-defined]
    return dict(meta=dict(converted_from=kind.value), state_dict=state_dict)


def _has_pixel_head(weights: Mapping[str, Tensor]) -> bool:
    """Whether published weights hold a segmentation head; a matrix may be a classifier of as many kinds of images."""
    return has_segmentation_head(weights) and getattr(weights.get("head.weight"), "ndim", 4) == 4


def load_fitting_state_dict(
    module: nn.Module, state_dict: Mapping[str, Tensor], strict: bool = False, logger: Any = None
) -> None:
    """Load weights as mmengine does; a renamed checkpoint under the names of its file if the model has more of those.

    Args:
        module: As for mmengine's ``load_state_dict``.
        state_dict: Likewise.
        strict: Likewise.
        logger: Likewise.
    """
    stored = (getattr(state_dict, "_metadata", None) or {}).get(_AS_STORED)
    if stored:
        own = {name.removeprefix("module.") for name in module.state_dict()}
        state_dict = stored if len(own & stored.keys()) > len(own & state_dict.keys()) else state_dict
    load_state_dict(module, state_dict, strict, logger)


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
        raise _no_checkpoint(filename)
    published = converted_checkpoint(peek_checkpoint(filename, map_location or "cpu"))
    if published is not None:
        return published
    with unreadable_named(filename):
        return load_from_local(filename, map_location)


def _no_checkpoint(filename: str) -> FileNotFoundError:
    path = Path(filename).expanduser()
    if PublishedFile(path.name, FileRole.START).kind is not None:
        way = f"`python tools/misc/download.py {path.name}` fetches it"
    else:
        way = f"Training leaves it in {path.parent}: run that step first"
    return FileNotFoundError(
        f"{filename}: no such checkpoint. {way}, or give the path of another one (model.pretrained, "
        "init_cfg.checkpoint, load_from, or the argument of test.py)."
    )


def load_from_http_or_published(filename: str, map_location: str | None = None) -> Any:
    """Download a checkpoint, and load it as a local one; mmengine itself runs the code that a downloaded one has.

    Args:
        filename: ``http`` or ``https`` address.
        map_location: As for ``load_from_local_or_published``.

    Raises:
        ValueError: If it cannot be read as weights.
        OSError: If it cannot be had.
    """
    return load_from_local_or_published(str(downloaded_checkpoint(filename)), map_location)


class PublishedPretrainedInit(PretrainedInit):
    """The ``Pretrained`` of mmengine that finds a backbone in the files of other projects, or stops.

    It takes published checkpoints and those of other learners (see ``find_weights``), for whole models and for lone
    backbones. Where a file holds an encoder and its momentum copy, it takes the encoder that was trained.

    Args:
        checkpoint: As for mmengine's ``Pretrained``.
        prefix: Only what the file has under this prefix; None looks for it.
        map_location: Likewise.
        fresh_final_norm: The final norm of a vision transformer or ConvNeXt keeps its initialization, as in the
            semi-supervised protocol, unless the file has the ``fc_norm`` of a fine-tuned transformer.
        allow_missing: Whether up to half of the backbone may be missing in the file, for parts that are meant to be
            new. False lets biases, norms and buffers alone be missing. By default, what is plugged into blocks may be
            missing, too, such as the offsets of deformable convolutions.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str | None = None,
        map_location: str | None = None,
        fresh_final_norm: bool = False,
        allow_missing: bool | None = None,
    ) -> None:
        super().__init__(checkpoint, prefix, map_location)
        self.fresh_final_norm = fresh_final_norm
        self.allow_missing = allow_missing

    def __call__(self, module: nn.Module) -> None:
        """Load the checkpoint into a module, or the part of it that ``prefix`` names.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it cannot be read, or lacks weights of the backbone (or of a module without one), or is of
                a network of another size: training would go on with random weights, or those of a part of a network.
        """
        stored = self._read()
        kept = _final_norm(module) if self.fresh_final_norm and not _has_fc_norm(stored) else {}
        prefix = "" if self.prefix is None else self.prefix.rstrip(".") + "."
        backbone = getattr(module, "backbone", None)
        target, place = (backbone, "backbone.") if isinstance(backbone, nn.Module) else (module, "")
        own = {f"{place}{name}": value for name, value in target.state_dict().items() if value.ndim > 0}
        found = find_weights(stored, own, prefix)
        if found.filled < LEAST_FILLED * len(own):
            raise ValueError(self._refusal(type(target).__name__, own, stored, found, prefix))
        part = {name.removeprefix(place): value for name, value in found.weights.items() if name.startswith(place)}
        self._fill(target, part)
        where = f" under {found.prefix!r}" if found.prefix else ""
        print_log(f"load {found.filled} of {len(own)} weights{where} from: {self.checkpoint}", logger="current")
        load_state_dict(module, found.weights, strict=False, logger="current")
        if kept:
            load_state_dict(module, module.state_dict() | kept)
        if hasattr(module, "_params_init_info"):
            update_init_info(module, init_info=self._get_init_info())

    def _fill(self, network: nn.Module, part: dict[str, Tensor]) -> None:
        """Load a file's part for a network, or refuse what is of another one."""
        kind, own = type(network).__name__, network.state_dict()
        further = further_blocks(part, own)
        if further:
            raise DeeperNetworkError(
                f"{self.checkpoint} is of a deeper network than {kind}: it has further blocks, {shorten(further)}. "
                "Give the checkpoint of this network, or the config of that one."
            )
        try:
            # mmengine only logs what is of another shape, and goes on.
            missing = network.load_state_dict(part, strict=False).missing_keys
        except RuntimeError as error:
            reason = str(error).partition("\n")[2].strip().partition("\n")[0]
            raise ValueError(f"{self.checkpoint} is of another network than {kind}: {reason}") from error
        random = [name for name, value in network.named_parameters() if name in missing and value.ndim > 1]
        if self.allow_missing is None:
            new = plugged_in(random, part, own)
            random = [name for name in random if name not in new]
        if random and not self.allow_missing:
            raise ValueError(
                f"{self.checkpoint} has no {shorten(random)} for {kind}, which would start at random: it is of another "
                "network. If they are meant to be new, set allow_missing=True in init_cfg."
            )

    def _read(self) -> dict[str, Tensor]:
        place = downloaded_checkpoint(self.checkpoint) if is_address(self.checkpoint) else self.checkpoint
        path = Path(place).expanduser()
        checkpoint = peek_checkpoint(path)
        if checkpoint is None:
            if path.is_file():
                checkpoint = read_checkpoint(path)
            elif "://" not in self.checkpoint:
                raise _no_checkpoint(self.checkpoint)
            else:
                checkpoint = CheckpointLoader.load_checkpoint(self.checkpoint, "cpu")
        try:
            return checkpoint_weights(checkpoint)
        except (AttributeError, ValueError) as error:
            raise ValueError(f"{self.checkpoint} holds no weights: {error}") from error

    def _refusal(
        self, network: str, own: dict[str, Tensor], stored: dict[str, Tensor], found: FoundWeights, prefix: str
    ) -> str:
        begun = sorted({name.split(".")[0] for name in stored})
        return (
            f"{self.checkpoint} fills {found.filled} of {len(own)} weights of {network}"
            + (f" under the prefix {prefix!r}" if prefix else "")
            + f": it wants names such as {next(iter(own))}, the file has {next(iter(stored))}. Its names begin with "
            f"{shorten(begun)}: give one of them as prefix of init_cfg, or the checkpoint of this network."
        )


def _final_norm(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the final norm's weights in a backbone of mmpretrain, alone or in a model."""
    return {name: value.clone() for name, value in module.state_dict().items() if _FINAL_NORM.match(name)}


def _has_fc_norm(stored: Mapping[str, Tensor]) -> bool:
    return any(name.endswith("fc_norm.weight") for name in stored)


def register_published_checkpoints() -> None:
    """Put all of this to use in this process."""
    CheckpointLoader.register_scheme("", load_from_local_or_published, force=True)
    CheckpointLoader.register_scheme(("http://", "https://"), load_from_http_or_published, force=True)
    # torchvision://, modelzoo://, openmmlab:// and mmcls:// look an address up and call this. s3://, petrel:// and
    # pavi:// are left to mmengine, which reads them with torch.load as it is: it refuses code since torch 2.6.
    mmengine_checkpoint.load_from_http = load_from_http_or_published
    # load_checkpoint, runners and inferencers call this once they know the model.
    mmengine_checkpoint.load_state_dict = load_fitting_state_dict
    WEIGHT_INITIALIZERS.register_module(name="Pretrained", module=PublishedPretrainedInit, force=True)
