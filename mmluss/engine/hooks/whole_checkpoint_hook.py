# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Checkpoints that are whole whenever a process is killed or a disk is full."""

import os.path as osp
import re
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from mmluss.utils.atomic_files import remove_leftovers, replace_file

_BACKEND = "mmluss_whole_files"


class WholeFileBackend(LocalBackend):
    """Local files of mmengine, written whole or not at all."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file.

        Args:
            obj: Its content.
            filepath: Its path.

        Raises:
            OSError: Naming the file, such as on a full disk; what was there stays.
        """
        with replace_file(filepath) as file:
            file.write(obj)


register_backend(_BACKEND, WholeFileBackend, force=True)


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """The ``CheckpointHook`` of mmengine without half-written checkpoints.

    Before a run, temporary files of processes that are no more are removed. Before it resumes, a ``last_checkpoint``
    that names nothing, as a kill or a full disk leaves it, is made to name the newest checkpoint of the work folder.

    A training that resumes goes on after the last checkpoint of its work folder, where there is one, and not from what
    ``load_from`` gave it at first, to which mmengine would go back each time. A ``load_from`` inside of the work folder
    is a checkpoint to go back to.

    Args:
        *args: As for ``CheckpointHook``.
        backend_args: As for ``CheckpointHook``; by default files of this machine are written whole or not at all.
        **kwargs: As for ``CheckpointHook``.
    """

    def __init__(self, *args: Any, backend_args: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, backend_args=backend_args or dict(backend=_BACKEND), **kwargs)

    def before_run(self, runner: Runner) -> None:
        """Make the work folder fit to resume from; runners load a checkpoint after this."""
        if dist.is_main_process():
            remove_leftovers(runner.work_dir)
        if runner._resume and dist.is_main_process():
            name = self.filename_tmpl or ("epoch_{}.pth" if self.by_epoch else "iter_{}.pth")
            mended = mend_last_checkpoint(runner.work_dir, name)
            if mended is not None:
                runner.logger.warning(f"last_checkpoint of {runner.work_dir} named no file; now it names {mended}.")
        dist.barrier()
        start, folder = runner._load_from, Path(runner.work_dir).resolve()
        if runner._resume and start is not None and ("://" in start or folder not in Path(start).resolve().parents):
            begun = [dist.is_main_process() and is_begun(folder)]
            dist.broadcast_object_list(begun)
            runner._load_from = None if begun[0] else start


def is_begun(folder: str | Path) -> bool:
    """Whether a training has left a checkpoint in its work folder.

    Args:
        folder: Work folder; it need not exist.
    """
    # last_checkpoint may name no file: after a kill, or in a folder that was moved.
    return Path(folder, "last_checkpoint").is_file() and any(Path(folder).glob("*[0-9]*.pth"))


def mend_last_checkpoint(folder: str | Path, template: str = "epoch_{}.pth") -> str | None:
    """Have ``last_checkpoint`` of a work folder name the newest checkpoint in it, if it names none that is there.

    Args:
        folder: Work folder.
        template: Name of a checkpoint with ``{}`` for its number.

    Returns:
        Name of the newest checkpoint where there was something to mend ("nothing" if there is none), else None.
    """
    path = Path(folder, "last_checkpoint")
    if not path.is_file():
        return None
    named = path.read_text(errors="replace").strip()
    if named and osp.isfile(named):
        return None
    pattern = re.compile(re.escape(template).replace(re.escape("{}"), r"(\d+)"))
    numbers = [int(match[1]) for file in Path(folder).iterdir() if (match := pattern.fullmatch(file.name))]
    if not numbers:
        path.unlink()
        return "nothing"
    newest = Path(folder, template.format(max(numbers)))
    with replace_file(path) as file:
        file.write(str(newest).encode())
    return newest.name
