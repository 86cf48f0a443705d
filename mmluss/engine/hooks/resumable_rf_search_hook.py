# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A receptive-field search that can be interrupted."""

from mmcv.cnn.rfsearch import Conv2dRFSearchOp, RFSearchHook
from mmengine.runner import Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS

_KEY = "rf_search"


@HOOKS.register_module()
class ResumableRFSearchHook(RFSearchHook):
    """mmcv's ``RFSearchHook``, which keeps its step and the dilations found so far in each checkpoint.

    mmcv's own has them in attributes only, so that a resumed search would go on with the first dilations.

    Args:
        *args: As for ``RFSearchHook``.
        **kwargs: Likewise.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the state of the search."""
        dilations = {
            name: dict(dilation=list(op.op_layer.dilation), rates=[list(rate) for rate in op.dilation_rates])
            for name, op in _searched(runner).items()
        }
        checkpoint[_KEY] = dict(step=self.config["search"]["step"], dilations=dilations)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the state of the search up again where training resumes.

        Raises:
            ValueError: If the checkpoint is of no search, or of another network's.
        """
        if not runner._resume:
            return
        state = checkpoint.get(_KEY)
        operations = _searched(runner)
        if state is None or state["dilations"].keys() != operations.keys():
            raise ValueError(
                f"{runner._load_from or runner.work_dir}: the checkpoint is not of this search, so it cannot be "
                "resumed; start in another work folder"
            )
        self.config["search"]["step"] = state["step"]
        for name, operation in operations.items():
            found = state["dilations"][name]
            operation.dilation_rates = [tuple(rate) for rate in found["rates"]]
            operation.op_layer.dilation = tuple(found["dilation"])
            operation.op_layer.padding = operation.get_padding(operation.op_layer.dilation)


def _searched(runner: Runner) -> dict[str, Conv2dRFSearchOp]:
    model = get_ori_model(runner.model)
    return {name: module for name, module in model.named_modules() if isinstance(module, Conv2dRFSearchOp)}
