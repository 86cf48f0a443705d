# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""When prototypes learn and when the queue fills (PASS, section 3.2)."""

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS


@HOOKS.register_module()
class PrototypeHook(Hook):
    """Freezes prototypes for the first iterations and starts the queue at an epoch.

    Everything follows from the runner's iteration and epoch, so a resumed run goes on exactly.

    Args:
        freeze_iters: Prototypes get no gradient while the iteration, from 0, is below.
        queue_start_epoch: Epoch, from 0, at which the queue starts to fill; it takes part once it is full.
    """

    def __init__(self, freeze_iters: int = 0, queue_start_epoch: int = 0) -> None:
        self.freeze_iters = freeze_iters
        self.queue_start_epoch = queue_start_epoch

    def before_train(self, runner: Runner) -> None:
        """Warn of more prototypes, or more rows in the queue, than training images, which the data cannot fill.

        A training from its beginning has an empty queue, whatever a checkpoint that it loads has in it.

        Raises:
            ValueError: If the queue cannot hold one global batch, early and not at the epoch at which it starts; or if
                a loop without epochs shall start it at one.
        """
        model, images = get_ori_model(runner.model), len(runner.train_dataloader.dataset)
        if model.prototypes.num_prototypes > images:
            runner.logger.warning(
                f"{images} training images cannot share {model.prototypes.num_prototypes} prototypes: set "
                "model.num_prototypes to a fraction of the number of images."
            )
        batch_size = runner.train_dataloader.batch_size
        if model.queue is not None and batch_size is not None:
            model.queue.check_batch(batch_size * get_world_size())
        if model.queue is not None and runner.iter == 0:
            model.queue.clear()
        if model.queue is not None and self.queue_start_epoch and isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ValueError(
                f"The queue would start at epoch {self.queue_start_epoch}, but IterBasedTrainLoop counts no epochs: "
                "set train_cfg.by_epoch=True, or default_hooks.prototypes.queue_start_epoch=0."
            )
        if model.queue is not None and model.queue.length > images:
            runner.logger.warning(
                f"A queue of {model.queue.length} rows would hold the {images} training images several times over: set "
                f"model.queue.length={images} or less, or model.queue=None for no queue."
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Set the states that hold for this iteration."""
        model = get_ori_model(runner.model)
        model.prototypes.frozen = runner.iter < self.freeze_iters
        if model.queue is not None:
            model.queue.active = runner.epoch >= self.queue_start_epoch
