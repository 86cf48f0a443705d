# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Draws every image that is tested, under a name of its own (tools/test.py --show-dir)."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.runner import BaseLoop, Runner
from mmseg.engine.hooks import SegVisualizationHook
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample


@HOOKS.register_module()
class LUSSVisualizationHook(SegVisualizationHook):
    """The ``SegVisualizationHook`` of mmseg for all images, with their sub-folders, as the data set reads them.

    mmseg's own draws each 50th image, images of the same name in different folders over each other, and reads the file
    by itself, which turns a photo against its labels where EXIF data and the data set disagree. Of distributed tests
    the images of the first process are drawn.

    Args:
        interval: Each so many-th batch is drawn.
        **kwargs: As for ``SegVisualizationHook``.
    """

    def __init__(self, interval: int = 1, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            # Not to draw is what nearly all runs want.
            warnings.filterwarnings("ignore", message="The draw is False")
            super().__init__(interval=interval, **kwargs)

    def _after_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[SegDataSample], mode: str = "val"
    ) -> None:
        if not self.draw or mode == "train" or not self.every_n_inner_iters(batch_idx, self.interval):
            return
        loader = runner.test_dataloader if mode == "test" else runner.val_dataloader
        load = loader.dataset.pipeline.transforms[0]
        # The iteration of a runner that does not train builds the training data.
        step = runner.iter if isinstance(runner._train_loop, BaseLoop) else 0
        for output in outputs:
            image = load(dict(img_path=output.img_path))["img"][..., ::-1]
            name = str(output.get("relative_path") or Path(output.img_path).name)
            self._make_folder(name)
            self._visualizer.add_datasample(name, image, output, show=self.show, wait_time=self.wait_time, step=step)

    def _make_folder(self, name: str) -> None:
        local = self._visualizer.get_backend("LocalVisBackend")
        if local is not None and not self.show:
            Path(local.experiment._img_save_dir, name).parent.mkdir(parents=True, exist_ok=True)
