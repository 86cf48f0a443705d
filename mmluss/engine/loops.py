# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Training loop that refuses an epoch without a batch."""

from typing import Any

from mmengine.runner import EpochBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from torch import nn
from torch.utils.data import DataLoader


# Before any hook, mmengine's schedulers fail at such an epoch: "epoch_length must be a positive integer".
@LOOPS.register_module()
class FullBatchTrainLoop(EpochBasedTrainLoop):
    """The loop over epochs of mmengine, for data loaders that drop a last batch that is not full.

    Args:
        runner: The runner.
        dataloader: Data loader, or its config.
        **kwargs: ``max_epochs``, ``val_begin``, ``val_interval`` and ``dynamic_intervals`` of mmengine's loop.

    Raises:
        ValueError: If there are fewer images than a batch takes, so that an epoch has none.
    """

    def __init__(self, runner: Runner, dataloader: DataLoader | dict, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, **kwargs)
        if len(self.dataloader) == 0:
            images = len(self.dataloader.sampler)
            raise ValueError(
                f"The {images} training images"
                + (f" of a process (of {runner.world_size})" if runner.world_size > 1 else "")
                + f" do not fill one batch of {self.dataloader.batch_size}: set train_dataloader.batch_size={images} "
                "or less, or give more images."
            )

    def run(self) -> nn.Module:
        """Train; warns of what a resumed training does not repeat exactly."""
        length, wrapper = len(self.dataloader), self.runner.optim_wrapper
        counts = getattr(wrapper, "_accumulative_counts", 1)
        if length % counts:
            self.runner.logger.warning(
                f"accumulative_counts={counts} does not divide the {length} iterations of an epoch: gradients that are "
                "pending at its end are in no checkpoint, so a resumed training is not exactly an undisturbed one."
            )
        if self._iter % length:
            self.runner.logger.warning(
                f"The checkpoint is of iteration {self._iter % length} of the {length} of an epoch, which begins anew: "
                "save checkpoints by_epoch=True to go on exactly."
            )
        return super().run()
