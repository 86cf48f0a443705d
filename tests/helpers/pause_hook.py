# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A hook that holds a training until a test has done its harm, so that nothing depends on how fast a machine is."""

import time
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

PAUSED_AT = 4
"""Iteration, from 0, in the second of three epochs of three."""


@HOOKS.register_module()
class PauseHook(Hook):
    """Before iteration ``PAUSED_AT`` writes ``paused`` to the work folder and waits for ``go`` there."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter != PAUSED_AT:
            return
        folder = Path(runner.work_dir)
        (folder / f"paused{runner.rank}").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)


def with_pause(config: Path, target: Path, data_root: Path | None = None) -> Path:
    """Write a config of step 1 whose training pauses; with another folder of images, if given."""
    cfg = Config.fromfile(config)
    cfg.custom_hooks = [dict(type="PauseHook")]
    cfg.custom_imports = dict(imports=["mmluss", __name__], allow_failed_imports=False)
    if data_root is not None:
        cfg.train_dataloader.dataset.data_root = str(data_root)
    cfg.dump(target)
    return target
