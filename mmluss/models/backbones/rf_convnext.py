# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""ConvNeXt whose depthwise convolutions have searched dilations (RF-Next, arXiv 2206.06637)."""

import re
import warnings
from pathlib import Path
from typing import Any, Literal, get_args

import mmengine
import torch
from mmpretrain.models.backbones import ConvNeXt
from mmseg.registry import MODELS
from torch import Tensor

from mmluss.checkpoints.direct_loading import converted_checkpoint
from mmluss.checkpoints.files import read_checkpoint
from mmluss.checkpoints.kinds import checkpoint_weights
from mmluss.models.backbones.receptive_field import BranchedConv2d, Dilation, estimated_dilation, merge_branches

Mode = Literal["search", "single", "multiple", "merge"]
Structure = dict[str, tuple[list[Dilation], Tensor]]
"""Name of a convolution in the backbone -> its dilations and their branch weights ``(n,)``."""

_PREFIX = re.compile(r"^(module\.)?(backbone\.)?")


def read_structure(path: str) -> Structure:
    """Dilations of all depthwise convolutions, and what each counts.

    Args:
        path: Checkpoint of an ``RFConvNeXt``, a published one too, or a ``local_search_config_stepN.json`` of mmcv's
            ``RFSearchHook``, which has one dilation each.

    Raises:
        ValueError: If the file holds no such dilations.
    """
    if path.endswith(".json"):
        found = mmengine.load(path)["structure"]
        structure: Structure = {
            name.replace(".dwconv", ".depthwise_conv"): ([(int(rate[0]), int(rate[1]))], torch.ones(1))
            for name, rate in found.items()
        }
    else:
        checkpoint = read_checkpoint(path)
        weights = checkpoint_weights(converted_checkpoint(checkpoint, bare_encoders=True) or checkpoint)
        structure = {}
        for name, rates in weights.items():
            if name.endswith(".depthwise_conv.rates"):
                name = name.removesuffix(".rates")
                count = int(weights[f"{name}.num_rates"])
                dilations = [(down, right) for down, right in rates[:count].tolist()]
                structure[name] = dilations, weights[f"{name}.branch_weights"].float()
    if not structure:
        raise ValueError(f"{path} holds no dilations: a checkpoint of RFConvNeXt is expected")
    return {_PREFIX.sub("", name): found for name, found in structure.items()}


@MODELS.register_module()
class RFConvNeXt(ConvNeXt):
    """The ``ConvNeXt`` of mmpretrain with a ``BranchedConv2d`` for each depthwise convolution.

    Weights of a plain ConvNeXt load in each mode but 'merge', which takes those of a trained 'multiple' and adds the
    branches up. A checkpoint of the same mode brings its structure along, so a model that only predicts needs no
    structure file.

    Args:
        mode: 'search' (``ResumableRFSearchHook`` in ``default_hooks`` changes the dilations while it trains), 'single'
            (one dilation each, the mean of those found), 'multiple' (dilations around that mean, learned weights) or
            'merge' (one dense kernel in place of those of 'multiple'; all but the kernels that grew and the final norm
            is frozen).
        structure_file: Checkpoint to read the dilations from, see ``read_structure``: of the search for 'single' and
            'multiple', of 'multiple' for 'merge'. Without one 'search' starts from 1.
        num_branches: The most dilations of a convolution.
        expand_rate: The outer dilations are ``(1 - r)`` and ``(1 + r)`` times that in the middle.
        branch_weight: Weight of each branch at first.
        **kwargs: As for ``ConvNeXt``.

    Raises:
        ValueError: For an unknown mode, or a structure file of another network.
    """

    def __init__(
        self,
        mode: Mode,
        structure_file: str | None = None,
        num_branches: int = 3,
        expand_rate: float = 0.5,
        branch_weight: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in get_args(Mode):
            raise ValueError(f"mode={mode!r}; expected one of {', '.join(map(repr, get_args(Mode)))}")
        self.mode = mode
        self.structure_file = structure_file
        self.expand_rate = expand_rate
        for stage in self.stages:
            for block in stage:
                plain = block.depthwise_conv
                block.depthwise_conv = BranchedConv2d(
                    plain.in_channels, plain.kernel_size[0], num_branches, branch_weight
                )
        # A model that is about to load a checkpoint finds the structure there; ``init_weights`` insists on the file.
        if structure_file is not None and Path(structure_file).is_file():
            self._take_structure(read_structure(structure_file))
        elif mode == "search":
            self.search_step(estimate=False)
        elif mode == "merge":
            for convolution in self.convolutions().values():
                convolution.merges = True
        self._freeze()
        self._changed = [name for name, convolution in self.convolutions().items() if convolution.is_changed]

    def convolutions(self) -> dict[str, BranchedConv2d]:
        """All depthwise convolutions by name."""
        return {name: module for name, module in self.named_modules() if isinstance(module, BranchedConv2d)}

    def changed_parameters(self) -> set[str]:
        """Names of what has learning rates of its own: branch weights, and the convolutions that grew when built."""
        weights = {f"{name}.branch_weights" for name in self.convolutions()}
        return weights | {f"{name}.{leaf}" for name in self._changed for leaf in ("weight", "bias")}

    def search_step(self, estimate: bool = True) -> None:
        """Put each convolution's branches around the dilation that its branch weights speak for."""
        for convolution in self.convolutions().values():
            if estimate:
                convolution.estimate()
            convolution.expand(self.expand_rate)

    def init_weights(self) -> None:
        """Initialize as ``init_cfg`` says.

        Raises:
            FileNotFoundError: If there is no structure file to train from.
        """
        if self.mode != "search" and not (self.structure_file and Path(self.structure_file).is_file()):
            raise FileNotFoundError(
                f"RFConvNeXt with mode={self.mode!r} needs the dilations of a "
                f"{'trained rfmultiple' if self.mode == 'merge' else 'search'}, and there is no file "
                f"{self.structure_file}: train that first, or set model.backbone.structure_file to its checkpoint"
            )
        super().init_weights()

    def _take_structure(self, structure: Structure) -> None:
        convolutions = self.convolutions()
        missing = convolutions.keys() - structure.keys()
        if missing:
            raise ValueError(
                f"{self.structure_file} has no dilation for {min(missing)}, one of {len(missing)} that it lacks: it is "
                "of another network"
            )
        for name, convolution in convolutions.items():
            dilations, weights = structure[name]
            if self.mode == "merge":
                merge_branches(convolution, dilations)
                continue
            convolution.set_dilations([estimated_dilation(dilations, weights[: len(dilations)])])
            if self.mode == "single":
                convolution.branch_weights.data[: len(weights)] = weights[: len(convolution.branch_weights)]
            else:
                convolution.expand(self.expand_rate)

    def _freeze(self) -> None:
        """Leave to training what the mode trains."""
        if self.mode == "merge":
            for name, parameter in self.named_parameters():
                parameter.requires_grad_(name.startswith("norm"))
            for convolution in self.convolutions().values():
                for trained in (convolution.weight, convolution.bias):
                    if trained is not None:
                        trained.requires_grad_(convolution.is_changed)
        if self.mode in ("single", "merge"):
            for convolution in self.convolutions().values():
                convolution.branch_weights.requires_grad_(False)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Refuse branches where there is to be one dilation; mmcv's names of earlier releases are renamed."""
        for name in self.convolutions():
            key = f"{prefix}{name}."
            for leaf in ("weight", "bias"):
                if f"{key}op_layer.{leaf}" in state_dict:
                    warnings.warn(f"{key}op_layer.{leaf} is now {key}{leaf}", FutureWarning, stacklevel=2)
                    state_dict[f"{key}{leaf}"] = state_dict.pop(f"{key}op_layer.{leaf}")
            count = state_dict.get(f"{key}num_rates")
            if self.mode == "single" and count is not None and not count.is_meta and int(count) > 1:
                raise ValueError(
                    f"{name} has {int(count)} dilations in the checkpoint and one with mode='single': give a "
                    "checkpoint of a search as structure_file, and load the weights of a ConvNeXt"
                )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
