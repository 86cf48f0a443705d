# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Keeps the config in a work folder one that a model can be tested and loaded with, whatever a run was started by."""

import os
import re
from pathlib import Path

from mmengine import dist
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmseg.registry import HOOKS

from mmluss.engine.hooks.whole_checkpoint_hook import is_begun
from mmluss.utils.atomic_files import replace_file

# In Python, JSON and YAML.
_BASES = re.compile(r"""^\s*["']?_base_["']?\s*[:=]""", re.MULTILINE)


@HOOKS.register_module()
class SavedConfigHook(Hook):
    """Takes out of the saved config how one run was started.

    mmengine saves ``resume=True`` of a training that was continued, in the work folder and in checkpoints; a test with
    that config then asks for the training data. And a test in the folder of its own config replaces it by one with, for
    example, test-time augmentation.

    A training that resumes goes on after the last checkpoint of its work folder, where there is one, and not from what
    ``load_from`` gave it at first, to which mmengine would go back each time. A ``load_from`` inside of the work folder
    is a checkpoint to go back to.
    """

    # Before RuntimeInfoHook puts the config into the message hub.
    priority = "HIGHEST"

    def before_run(self, runner: Runner) -> None:
        """Save the config without ``resume`` and choose what to load, or leave the config of a test as it was."""
        training = isinstance(runner._train_loop, BaseLoop)
        resumes, runner.cfg.resume = runner.cfg.get("resume"), False
        if training and resumes:
            runner.dump_config()
        if training:
            self._go_on(runner)
        else:
            # A test loads its checkpoint and goes on with nothing.
            runner._resume = False
            self._restore(runner)

    @staticmethod
    def _go_on(runner: Runner) -> None:
        if not runner._resume or runner._load_from is None:
            return
        own = "://" not in runner._load_from
        if own and Path(runner.work_dir).resolve() in Path(runner._load_from).resolve().parents:
            return
        begun = [dist.is_main_process() and is_begun(runner.work_dir)]
        dist.broadcast_object_list(begun)
        if begun[0]:
            runner._load_from = None

    @staticmethod
    def _restore(runner: Runner) -> None:
        if runner.rank or runner.cfg.filename is None:
            return
        given = Path(runner.cfg.filename)
        # mmengine puts the name of the file before its text, and with base configs the text of these, too.
        content = runner.cfg.text.removeprefix(f"{os.path.abspath(given)}\n")
        if (Path(runner.work_dir) / given.name).resolve() == given.resolve() and not _BASES.search(content):
            with replace_file(given) as file:
                file.write(content.encode())
