# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""ConvNeXt whose depthwise convolutions have searched dilations (RF-Next, arXiv 2206.06637)."""

import re
from typing import Any

import mmengine
import torch
from mmcv.cnn.rfsearch import Conv2dRFSearchOp, RFSearchHook
from mmpretrain.models.backbones import ConvNeXt
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmluss.models.merged_kernel import merged_kernel, merged_kernel_size

_HOOK_MODES = dict(
    search="search", single="fixed_single_branch", multiple="fixed_multi_branch", merge="fixed_multi_branch"
)
# A searching run calls the convolutions "backbone. ...", a distributed one "module.backbone. ...", ConvNeXt's first
# implementation "module.stages.0.0.dwconv". RFSearchHook looks for names of what it is given, after "module.".
_PREFIX = re.compile(r"^(module\.)?(backbone\.)?")


def read_structure(path: str) -> dict[str, list[int]]:
    """Dilations (vertical, horizontal) that a search has found, under the names that ``RFSearchHook`` looks for.

    Args:
        path: A ``local_search_config_stepN.json`` that ``RFSearchHook`` wrote.
    """
    structure = mmengine.load(path)["structure"]
    return {
        _PREFIX.sub("module.", name).replace(".dwconv", ".depthwise_conv"): rate for name, rate in structure.items()
    }


@MODELS.register_module()
class RFConvNeXt(ConvNeXt):
    """mmpretrain's ``ConvNeXt`` after mmcv's ``RFSearchHook`` has set its depthwise convolutions.

    The hook must do so before there is an optimizer and before weights are loaded, so it does while this is built. To
    search, the same ``search`` settings also go to a ``ResumableRFSearchHook`` in ``default_hooks``, which makes the
    steps.

    Weights of a plain ConvNeXt and of all modes load in each mode. Where a mode has no branches, a stored branch weight
    is left out; ``merge`` adds the branches up into one larger dense kernel, with the stored weights of the branches or
    equal ones, so that it starts as what ``multiple`` computes.

    Args:
        mode: 'search' (dilations change while training), 'single' (one dilation each, the one found), 'multiple'
            (dilations around the one found, learnt weights) or 'merge' (one dense kernel).
        search: RFSearchHook's settings under ``search``.
        structure_file: What a search wrote; needed by all modes but 'search', which then starts from it.
        **kwargs: As for ``ConvNeXt``.

    Raises:
        ValueError: For an unknown mode, or a structure file that is missing or of another network.
    """

    def __init__(self, mode: str, search: dict, structure_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in _HOOK_MODES:
            raise ValueError(f"mode={mode!r}; expected one of {', '.join(map(repr, _HOOK_MODES))}")
        if mode != "search" and structure_file is None:
            raise ValueError(f"mode={mode!r} needs structure_file, the dilations that a run with mode='search' found")
        self.mode = mode
        hook = RFSearchHook(_HOOK_MODES[mode], config=dict(search=dict(search)), verbose=False)
        if structure_file is not None:
            hook.config["structure"] = read_structure(structure_file)
        try:
            hook.init_model(self)
        except KeyError as error:
            raise ValueError(f"{structure_file} has no dilation for {error}: it is of another network") from error
        self._rates: dict[str, list[tuple[int, int]]] = {}
        if mode == "merge":
            self._merge_branches()

    def _merge_branches(self) -> None:
        branches = [(name, module) for name, module in self.named_modules() if isinstance(module, Conv2dRFSearchOp)]
        for name, module in branches:
            small = module.op_layer
            size = merged_kernel_size(small.kernel_size, module.dilation_rates)
            dense = nn.Conv2d(
                small.in_channels,
                small.out_channels,
                size,
                padding=(size[0] // 2, size[1] // 2),
                groups=small.groups,
                bias=small.bias is not None,
            )
            self._rates[name] = module.dilation_rates
            parent, _, child = name.rpartition(".")
            setattr(self.get_submodule(parent), child, dense)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Bring stored depthwise convolutions into the form of this mode."""
        for name, module in self.named_modules():
            if isinstance(module, Conv2dRFSearchOp):
                _rename(state_dict, f"{prefix}{name}.", "", "op_layer.")
            elif name.endswith("depthwise_conv"):
                _rename(state_dict, f"{prefix}{name}.", "op_layer.", "")
                branch_weights = state_dict.pop(f"{prefix}{name}.branch_weights", None)
                if name in self._rates:
                    self._merge_stored(state_dict, f"{prefix}{name}.weight", name, branch_weights)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _merge_stored(self, state_dict: dict, key: str, name: str, branch_weights: Tensor | None) -> None:
        weight = state_dict.get(key)
        if weight is None or weight.shape == self.get_submodule(name).weight.shape:
            return
        rates = self._rates[name]
        shares = torch.ones(len(rates)) if branch_weights is None else branch_weights[: len(rates)].abs()
        state_dict[key] = merged_kernel(weight, rates, (shares / shares.sum()).to(weight))


def _rename(state_dict: dict[str, Tensor], prefix: str, have: str, want: str) -> None:
    for leaf in ("weight", "bias"):
        if f"{prefix}{have}{leaf}" in state_dict:
            state_dict[f"{prefix}{want}{leaf}"] = state_dict.pop(f"{prefix}{have}{leaf}")
