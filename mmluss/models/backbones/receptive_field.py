# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Arithmetic of searched dilations, and a convolution that has several at a time (RF-Next, arXiv 2206.06637)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmluss.models.backbones.merged_kernel import merged_kernel, merged_kernel_size

Dilation = tuple[int, int]
"""Vertical and horizontal."""

_LARGEST_PLAIN_KERNEL = 13


def expanded_dilations(dilation: Dilation, num_branches: int, expand_rate: float) -> list[Dilation]:
    """Dilations around one, evenly from ``(1 - r) d`` to ``(1 + r) d``, rounded (halves to even) and at least 1.

    Args:
        dilation: The one in the middle, d.
        num_branches: How many, at least 2; fewer come out where some are equal.
        expand_rate: Share r, > 0.

    Example:
        >>> expanded_dilations((3, 1), num_branches=3, expand_rate=0.5)
        [(2, 1), (3, 1), (4, 2)]
    """
    steps = [
        tuple(
            max(1, round(middle - expand_rate * middle + i * 2 * expand_rate * middle / (num_branches - 1)))
            for middle in dilation
        )
        for i in range(num_branches)
    ]
    return [(down, right) for down, right in dict.fromkeys(steps)]


def branch_shares(weights: Tensor) -> Tensor:
    """Share of each branch in the output, ``(n,)``, of branch weights ``(n,)`` of any sign."""
    return weights.abs() / weights.abs().sum()


def estimated_dilation(dilations: Sequence[Dilation], weights: Tensor) -> Dilation:
    """The one dilation that stands for several: their mean, weighted by their shares and rounded.

    Args:
        dilations: The n dilations.
        weights: Branch weights ``(n,)`` of any sign.
    """
    shares = branch_shares(weights.detach().double()).tolist()
    down, right = (
        round(sum(share * rate[axis] for share, rate in zip(shares, dilations, strict=True))) for axis in range(2)
    )
    return down, right


class BranchedConv2d(nn.Conv2d):
    """Depthwise convolution whose one kernel is applied at several dilations, each output times its branch's share.

    The dilations are part of the state, so that a checkpoint carries them; loading one adopts them.

    Args:
        channels: Channels C.
        kernel_size: Odd side of the kernel.
        num_branches: The most dilations at a time.
        branch_weight: Branch weights at first and after each expansion.

    Attributes:
        branch_weights: ``(num_branches,)``, of which the first ``num_rates`` count.
        rates: Dilations, ``(num_branches, 2)`` int32, of which the first ``num_rates`` count.
        num_rates: ``(1,)`` int32.
        merges: Loaded branches are added up into one dense kernel.
    """

    def __init__(self, channels: int, kernel_size: int = 7, num_branches: int = 3, branch_weight: float = 0.01) -> None:
        super().__init__(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)
        self.branch_weight = branch_weight
        self.merges = False
        self.branch_weights = nn.Parameter(torch.full((num_branches,), branch_weight))
        self.rates: Tensor
        self.num_rates: Tensor
        self.register_buffer("rates", torch.ones(num_branches, 2, dtype=torch.int32))
        self.register_buffer("num_rates", torch.ones(1, dtype=torch.int32))
        self._read: tuple[tuple[int, ...], list[Dilation]] | None = None

    @property
    def dilations(self) -> list[Dilation]:
        """The dilations in use."""
        # Reading a buffer waits for the device, so it is read again only when something has written to it.
        version = (id(self.rates), self.rates._version, self.num_rates._version)
        if self._read is None or self._read[0] != version:
            rows = self.rates[: int(self.num_rates)].tolist()
            self._read = version, [(down, right) for down, right in rows]
        return self._read[1]

    @property
    def is_changed(self) -> bool:
        """Whether it reaches further than the plain convolution it came from."""
        return self.dilation[0] > 1 or self.kernel_size[0] > _LARGEST_PLAIN_KERNEL

    def set_dilations(self, dilations: Sequence[Dilation]) -> None:
        """Use these dilations, at most ``num_branches``; one alone is also the ``dilation`` it is known by."""
        self.rates[: len(dilations)] = torch.tensor(dilations, dtype=torch.int32)
        self.num_rates.fill_(len(dilations))
        if len(dilations) == 1:
            self.dilation = dilations[0]
            self.padding = self._reach(dilations[0])

    def estimate(self) -> None:
        """Replace the branches by the one dilation that stands for them; branch weights stay."""
        self.set_dilations([estimated_dilation(self.dilations, self.branch_weights[: len(self.dilations)])])

    @torch.no_grad()
    def expand(self, expand_rate: float) -> None:
        """Put branches around the ``dilation`` it is known by, with equal weights."""
        down, right = self.dilation
        self.set_dilations(expanded_dilations((down, right), len(self.branch_weights), expand_rate))
        self.branch_weights.fill_(self.branch_weight)

    def resize_kernel(self, kernel_size: tuple[int, ...]) -> None:
        """Become a dense convolution without dilation and with a new, random kernel of this size."""
        self.kernel_size = kernel_size
        # The same parameter with other contents: an optimizer may hold it already.
        self.weight.grad = None
        self.weight.data = self.weight.new_empty(*self.weight.shape[:2], *kernel_size)
        self.reset_parameters()
        self.set_dilations([(1, 1)])

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` of ``(B, C, h, w)``."""
        outputs = [
            F.conv2d(x, self.weight, self.bias, padding=self._reach(rate), dilation=rate, groups=self.groups)
            for rate in self.dilations
        ]
        if len(outputs) == 1:
            return outputs[0]
        shares = branch_shares(self.branch_weights[: len(outputs)])
        total = shares[0] * outputs[0]
        for share, output in zip(shares[1:], outputs[1:], strict=True):
            total = total + share * output
        return total

    def _reach(self, dilation: Dilation) -> tuple[int, int]:
        return (
            dilation[0] * (self.kernel_size[0] - 1) // 2,
            dilation[1] * (self.kernel_size[1] - 1) // 2,
        )

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Load weights; branches become a dense kernel where they are to, and a dense kernel brings its size along."""
        weight, rates, count = (state_dict.get(prefix + name) for name in ("weight", "rates", "num_rates"))
        if weight is not None and rates is not None and count is not None:
            if self.merges and not rates.is_meta:
                used = rates[: int(count)].tolist()
                if used != [[1, 1]]:
                    shares = branch_shares(state_dict[f"{prefix}branch_weights"][: len(used)])
                    weight = merged_kernel(weight, used, shares.to(weight))
                    state_dict[f"{prefix}weight"] = weight
                    state_dict[f"{prefix}rates"] = torch.ones_like(rates)
                    state_dict[f"{prefix}num_rates"] = torch.ones_like(count)
            if weight.shape[2:] != self.weight.shape[2:]:
                self.resize_kernel(tuple(weight.shape[2:]))
            self._adopt_dilation(state_dict[f"{prefix}rates"], count)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _adopt_dilation(self, rates: Tensor, count: Tensor) -> None:
        if not rates.is_meta and int(count) == 1:
            down, right = rates[0].tolist()
            self.dilation = (down, right)
            self.padding = self._reach((down, right))


def merge_branches(convolution: BranchedConv2d, dilations: Sequence[Dilation]) -> None:
    """Make a convolution one that is as large as its kernel at these dilations, and takes branches in when it loads."""
    convolution.merges = True
    convolution.resize_kernel(merged_kernel_size(convolution.kernel_size, dilations))
