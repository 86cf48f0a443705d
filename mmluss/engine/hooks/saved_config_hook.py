# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Keeps the config in a work folder one that a model can be tested and loaded with."""

import os
import re
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from mmseg.registry import HOOKS

from mmluss.utils.atomic_files import replace_file

# In Python, JSON and YAML.
_BASES = re.compile(r"""^\s*["']?_base_["']?\s*[:=]""", re.MULTILINE)


@HOOKS.register_module()
class SavedConfigHook(Hook):
    """Takes out of the saved config how one run was started.

    mmengine saves ``resume=True`` of a training that was continued, in the work folder and in checkpoints; a test with
    that config then asks for the training data. And a test in the folder of its own config replaces it by one with, for
    example, test-time augmentation.
    """

    # Before RuntimeInfoHook puts the config into the message hub.
    priority = "HIGHEST"

    def before_run(self, runner: Runner) -> None:
        """Save the config without ``resume``, or leave that of a test as it was."""
        training = isinstance(runner._train_loop, BaseLoop)
        resumes, runner.cfg.resume = runner.cfg.get("resume"), False
        if training and resumes:
            runner.dump_config()
        elif not training:
            # A test loads its checkpoint and goes on with nothing.
            runner._resume = False
            self._restore(runner)

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
