# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Learning rates that decay from the head to the stem (semi-supervised protocol)."""

from typing import Any

from mmseg.engine.optimizers import LearningRateDecayOptimizerConstructor
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmluss.engine.optimizers.layer_depth import layer_depths

_NEVER_DECAYED = ("cls_token", "pos_embed")


# The parent's layers are those of three transformers, told from class names, and it has none for ResNets.
@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(LearningRateDecayOptimizerConstructor):
    """Scales the learning rate of layer i of n (the head) by ``decay_rate ** (n - i)``; see ``layer_depths``.

    One-dimensional parameters (biases, norms, scales), class tokens and position embeddings have no weight decay. Each
    group of the optimizer keeps its ``lr_scale``. What a backbone calls its ``changed_parameters()`` (searched
    convolutions of ``RFConvNeXt``) has a decay of its own and a factor besides.

    Entries of ``paramwise_cfg``: ``decay_rate`` in (0, 1]; ``changed_decay_rate``, by default the same;
    ``changed_lr_mult``, by default 1.
    """

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: Any) -> None:
        """Add the trainable parameters of a model, a group for each layer and weight decay.

        Args:
            params: Groups of the optimizer, added to in place.
            module: Has a ``backbone``; all else belongs to the head.
            **kwargs: Not used.
        """
        depths, head_depth = layer_depths(module.backbone)
        settings = self.paramwise_cfg
        changed: set[str] = getattr(module.backbone, "changed_parameters", set)()
        decay_rates = settings["decay_rate"], settings.get("changed_decay_rate", settings["decay_rate"])
        factors = 1.0, settings.get("changed_lr_mult", 1.0)
        groups: dict[tuple[bool, int, bool], dict] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            own_name = name.removeprefix("backbone.")
            depth = depths.get(own_name, head_depth)
            is_changed = own_name in changed
            decays = parameter.ndim > 1 and name.rpartition(".")[2] not in _NEVER_DECAYED
            key = is_changed, depth, decays
            if key not in groups:
                scale = decay_rates[is_changed] ** (head_depth - depth) * factors[is_changed]
                groups[key] = dict(
                    params=[],
                    param_names=[],
                    lr=scale * self.base_lr,
                    lr_scale=scale,
                    weight_decay=self.base_wd if decays else 0.0,
                )
            groups[key]["params"].append(parameter)
            groups[key]["param_names"].append(name)
        params.extend(groups.values())
