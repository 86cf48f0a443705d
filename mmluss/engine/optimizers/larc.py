# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Layer-wise adaptive rate control (You et al., arXiv 1708.03888), the optimizer of all training steps of PASS."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from mmseg.registry import OPTIMIZERS
from torch.optim import SGD


# torch has no LARC, and mmpretrain's LARS scales the learning rate inside of the momentum and clips differently.
@OPTIMIZERS.register_module()
class LARC(SGD):
    """SGD with momentum whose step for each parameter is proportional to the parameter's norm.

    For a parameter p with gradient g, both of non-zero norm, ``g <- a * (g + weight_decay * p)`` with
    ``a = trust_coefficient * ||p|| / (||g|| + weight_decay * ||p|| + eps)``; any other parameter takes its gradient as
    it is, without weight decay. A weight thus moves by about ``lr * trust_coefficient`` of its norm an iteration.

    Args:
        params: Parameters or parameter groups.
        lr: Learning rate.
        momentum: Momentum of SGD.
        weight_decay: Decay, applied through the rule above only.
        trust_coefficient: Step of a parameter relative to its norm, at learning rate 1.
        eps: Added to the denominator.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust_coefficient: float = 0.001,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)
        # Groups that are added later take over what ``defaults`` has.
        self.defaults.update(trust_coefficient=trust_coefficient, eps=eps)
        for group in self.param_groups:
            group.setdefault("trust_coefficient", trust_coefficient)
            group.setdefault("eps", eps)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Scale all gradients in place, then take a step of plain SGD with momentum.

        Args:
            closure: Evaluates the model again and returns the loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        weight_decays = [group["weight_decay"] for group in self.param_groups]
        for group in self.param_groups:
            self._adapt_gradients(group)
            group["weight_decay"] = 0.0
        try:
            super().step()
        finally:
            for group, weight_decay in zip(self.param_groups, weight_decays, strict=True):
                group["weight_decay"] = weight_decay
        return loss

    @staticmethod
    def _adapt_gradients(group: dict) -> None:
        parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
        if not parameters:
            return
        gradients = [parameter.grad for parameter in parameters]
        # Norms of all parameters in one tensor each: a GPU is sent a few small jobs, not ten for each parameter.
        parameter_norms = torch.stack(torch._foreach_norm(parameters))
        gradient_norms = torch.stack(torch._foreach_norm(gradients))
        weight_decay = group["weight_decay"]
        rates = (
            group["trust_coefficient"]
            * parameter_norms
            / (gradient_norms + weight_decay * parameter_norms + group["eps"])
        )
        # Where the gradient is zero, nothing is to be left of the decay that is added to it below.
        rates = torch.where(gradient_norms != 0, rates, 0.0)
        rates = torch.where(parameter_norms != 0, rates, 1.0)
        if weight_decay != 0:
            torch._foreach_add_(gradients, parameters, alpha=weight_decay)
        torch._foreach_mul_(gradients, rates.unbind())
