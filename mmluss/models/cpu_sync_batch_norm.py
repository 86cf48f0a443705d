# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Synchronized batch normalization for processes on CPUs, which PyTorch's own refuses."""

import torch
import torch.nn.functional as F
from mmengine.dist import get_world_size
from timm.layers import SyncBatchNormAct
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm


# No subclass of SyncBatchNorm, as DistributedDataParallel refuses those on CPUs.
class CPUSyncBatchNorm(_BatchNorm):
    """``torch.nn.SyncBatchNorm`` whose statistics of a batch are gathered by any backend, such as gloo.

    Means and variances are those of the batches of all processes together, and so are the gradients. Alone, and in
    evaluation, it is plain batch normalization.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalize ``(B, C, ...)``; all processes take part."""
        use_batch = self.training or not self.track_running_stats
        if not use_batch or get_world_size() == 1:
            return F.batch_norm(
                input,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                use_batch,
                self._share_of_batch() if self.training else 0.0,
                self.eps,
            )
        dims = [0, *range(2, input.ndim)]
        shape = [1, -1, *[1] * (input.ndim - 2)]
        # Processes may have batches of different sizes.
        count = all_reduce(torch.tensor(float(input.numel() // input.shape[1])))
        # Of bfloat16, which autocast hands over, sums would keep two digits.
        values = input.float() if input.dtype.itemsize < torch.float32.itemsize else input
        mean = all_reduce(values.sum(dims)) / count
        centered = values - mean.view(shape)
        variance = all_reduce(centered.square().sum(dims)) / count
        if self.training and self.running_mean is not None and self.running_var is not None:
            share = self._share_of_batch()
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean), share)
                self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var), share)
        output = centered * torch.rsqrt(variance + self.eps).view(shape)
        if self.weight is not None:
            output = output * self.weight.view(shape)
        output = output if self.bias is None else output + self.bias.view(shape)
        return output.to(input.dtype)

    def _share_of_batch(self) -> float:
        """How much the running statistics take over from a batch."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        if self.momentum is not None:
            return self.momentum
        return 1.0 if self.num_batches_tracked is None else 1.0 / float(self.num_batches_tracked)


class CPUSyncBatchNormAct(CPUSyncBatchNorm):
    """The same for timm's ``SyncBatchNormAct``, whose ``drop`` and ``act`` it keeps."""

    drop: nn.Module
    act: nn.Module

    def forward(self, input: Tensor) -> Tensor:
        """Normalize ``(B, C, ...)`` and activate; all processes take part."""
        return self.act(self.drop(super().forward(input)))


_ON_CPU: dict[type[nn.Module], type[CPUSyncBatchNorm]] = {
    nn.SyncBatchNorm: CPUSyncBatchNorm,
    SyncBatchNormAct: CPUSyncBatchNormAct,
}


def synchronize_on_cpu(model: nn.Module) -> nn.Module:
    """Let the ``SyncBatchNorm`` of a model work on CPUs; names, weights and buffers stay.

    Args:
        model: Changed in place.
    """
    for module in model.modules():
        if type(module) in _ON_CPU:
            module.__class__ = _ON_CPU[type(module)]
    return model
