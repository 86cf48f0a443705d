# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""How convolutions start that no checkpoint fills."""

from mmengine.model.weight_init import update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn

KAIMING_CONV = dict(type="NormalConv")
"""``init_cfg`` of the method's convolutions."""


# mmengine's initializers fill biases with a constant. LARC's step is proportional to a parameter's norm, and a bias of
# zeros takes its raw gradient, hundreds of times what the weights get.
@WEIGHT_INITIALIZERS.register_module()
class NormalConv:
    """Normal weights for all convolutions of a module; biases start as torch starts them, uniform and not zero.

    Args:
        std: Standard deviation of the weights; by default that of Kaiming for the fan-out, ``sqrt(2 / fan_out)``.
    """

    def __init__(self, std: float | None = None) -> None:
        self.std = std

    def __call__(self, module: nn.Module) -> None:
        """Draw the weights and biases of all ``Conv2d`` in a module."""
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
                if self.std is None:
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                else:
                    nn.init.normal_(layer.weight, std=self.std)
        if hasattr(module, "_params_init_info"):
            scale = "Kaiming, fan-out" if self.std is None else f"std={self.std}"
            update_init_info(module, init_info=f"NormalConv: {scale}, uniform bias")
