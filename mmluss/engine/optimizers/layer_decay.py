# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Learning rates that decay from the head to the stem (semi-supervised protocol)."""

from typing import Any

from mmseg.engine.optimizers import LearningRateDecayOptimizerConstructor
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmluss.engine.optimizers.layer_depth import layer_depths


# The parent's layers are those of three transformers, told from class names, and it has none for ResNets.
@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(LearningRateDecayOptimizerConstructor):
    """Scales the learning rate of layer i of n (the head) by ``decay_rate ** (n - i)``; see ``layer_depths``.

    One-dimensional parameters (biases, norms, scales) have no weight decay. Each group of the optimizer keeps its
    ``lr_scale``. The only entry of ``paramwise_cfg`` is ``decay_rate``, in (0, 1].
    """

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: Any) -> None:
        """Add the trainable parameters of a model, a group for each layer and weight decay.

        Args:
            params: Groups of the optimizer, added to in place.
            module: Has a ``backbone``; all else belongs to the head.
            **kwargs: Not used.
        """
        depths, head_depth = layer_depths(module.backbone)
        groups: dict[tuple[int, bool], dict] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            depth = depths.get(name.removeprefix("backbone."), head_depth)
            decays = parameter.ndim > 1
            if (depth, decays) not in groups:
                scale = self.paramwise_cfg["decay_rate"] ** (head_depth - depth)
                groups[depth, decays] = dict(
                    params=[],
                    param_names=[],
                    lr=scale * self.base_lr,
                    lr_scale=scale,
                    weight_decay=self.base_wd if decays else 0.0,
                )
            groups[depth, decays]["params"].append(parameter)
            groups[depth, decays]["param_names"].append(name)
        params.extend(groups.values())
