# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""One model on many processes, with or without GPUs."""

from typing import Any

from mmengine.model import MMDistributedDataParallel
from mmseg.registry import MODEL_WRAPPERS
from torch import nn

from mmluss.models.cpu_sync_batch_norm import synchronize_on_cpu


@MODEL_WRAPPERS.register_module()
class LUSSDataParallel(MMDistributedDataParallel):
    """The wrapper of mmengine, which also takes models on CPUs.

    There it has no device, and batch normalization that a config's ``sync_bn`` made synchronized is so by gloo.

    Args:
        module: The model.
        device_ids: The GPU of this process, as mmengine's runner gives it; of no account on a CPU.
        broadcast_buffers: Whether the first process's buffers replace those of the others before each forward.
        **kwargs: Further arguments of ``MMDistributedDataParallel``.
    """

    def __init__(
        self, module: nn.Module, device_ids: list[int] | None = None, broadcast_buffers: bool = False, **kwargs: Any
    ) -> None:
        if all(parameter.device.type == "cpu" for parameter in module.parameters()):
            module, device_ids = synchronize_on_cpu(module), None
        super().__init__(module=module, device_ids=device_ids, broadcast_buffers=broadcast_buffers, **kwargs)
