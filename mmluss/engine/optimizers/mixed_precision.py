# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Mixed precision on GPUs and on CPUs that compute in bfloat16."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import autocast
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn

BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Names that torch gives to what x86 and ARM processors compute with in bfloat16."""


def computes_in_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; without them it is emulated, many times slower than float32."""
    # Versions of torch before 2.10 tell nothing about the CPU.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS)


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """``OptimWrapper`` whose forward passes compute in bfloat16 where that is safe; weights stay in single precision.

    bfloat16 has the range of float32, so the loss is not scaled.

    Raises:
        ValueError: If the CPU has no instructions for bfloat16.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not computes_in_bfloat16():
            raise ValueError(
                "Mixed precision on CPUs needs one with bfloat16 instructions (AVX512-BF16 or AMX), and torch 2.10 or "
                "later, which knows of them; here it would be slower than single precision. Leave out --amp."
            )
        super().__init__(*args, **kwargs)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of a forward pass.

        Args:
            model: The model that is trained.
        """
        with super().optim_context(model), autocast(device_type="cpu", dtype=torch.bfloat16):
            yield


@OPTIM_WRAPPERS.register_module(name="AmpOptimWrapper")
def amp_optim_wrapper(
    loss_scale: str | float | dict = "dynamic", dtype: str | None = None, **settings: Any
) -> OptimWrapper:
    """What ``--amp`` asks for: mmengine's wrapper, which refuses CPUs, or ours where there is nothing but a CPU.

    Args:
        loss_scale: Of mmengine's wrapper; CPUs need none.
        dtype: Of mmengine's wrapper; CPUs know ``bfloat16`` only, which is what they take by default.
        **settings: What every ``OptimWrapper`` takes.

    Raises:
        ValueError: If a CPU is to compute in another type, or has no instructions for bfloat16.
    """
    if get_device() != "cpu":
        return AmpOptimWrapper(loss_scale=loss_scale, dtype=dtype, **settings)
    if dtype not in (None, "bfloat16"):
        raise ValueError(f"Mixed precision on CPUs is in bfloat16, not {dtype}.")
    return CPUAmpOptimWrapper(**settings)
