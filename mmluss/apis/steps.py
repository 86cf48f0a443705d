# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps of a pipeline that run once: done only if a manifest says so and the inputs are what they were."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.logging import MMLogger

from mmluss.utils.atomic_files import write_json

_IMAGE_AND_LABEL_SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp")


@dataclass(frozen=True)
class StepResult:
    """What a finished step left behind.

    Attributes:
        name: Name of the step and of its sub-folder.
        folder: Where its results are.
        seconds: Time it took, over all attempts.
        figures: Its key figures by name.
    """

    name: str
    folder: Path
    seconds: float
    figures: dict[str, float | str] = field(default_factory=dict)


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def folder_hash(path: str | Path) -> str:
    """SHA-256 of the names, sizes and times of change of all images and label maps below a folder.

    Linked folders and files count as what they lead to.

    Raises:
        FileNotFoundError: If the folder does not exist.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is not a folder: give the data set's folder with --data-root.")
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(path, followlinks=True):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(_IMAGE_AND_LABEL_SUFFIXES):
                state = os.stat(os.path.join(folder, name))
                inner = os.path.relpath(os.path.join(folder, name), path)
                digest.update(f"{inner} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


class StepRunner:
    """Runs steps in sub-folders of a work folder and remembers which are done.

    Args:
        work_dir: The work folder; made if it does not exist.
    """

    def __init__(self, work_dir: str | Path) -> None:
        self.work_dir = Path(work_dir)
        self.results: list[StepResult] = []

    def run(
        self,
        name: str,
        inputs: dict[str, str],
        work: Callable[[Path], None],
        figures: Callable[[Path], dict[str, float | str]],
        outputs: Iterable[str] = (),
    ) -> StepResult:
        """Run a step, or take its results if it is done.

        A step whose inputs changed starts anew in an empty folder; one that was interrupted goes on in its folder.

        Args:
            name: Name of the step and of its sub-folder.
            inputs: Hashes of all that the results depend on, by name.
            work: Does the step in the folder it is given.
            figures: Reads the key figures from the folder afterwards.
            outputs: Names of files in the folder without which the step is not done.

        Raises:
            FileNotFoundError: If the step ended without one of its outputs.
        """
        logger = MMLogger.get_current_instance()
        folder = self.work_dir / name
        started, manifest = folder / "step.json", folder / "step_done.json"
        outdated = folder.with_name(f".{name}.outdated")
        if outdated.exists():
            shutil.rmtree(outdated)
        earlier = _read(started)
        if earlier is not None and earlier["inputs"] != inputs:
            changed = sorted(key for key in inputs if earlier["inputs"].get(key) != inputs[key])
            logger.info(f"{name}: {', '.join(changed) or 'its inputs'} changed, so it starts anew")
            # Renamed first, so that a deletion cut short leaves nothing that looks finished or begun.
            folder.rename(outdated)
            shutil.rmtree(outdated)
            earlier = None
        done = _read(manifest)
        if done is not None and all((folder / output).exists() for output in outputs):
            logger.info(f"{name}: done before ({done['seconds']:.0f} s)")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            spent = 0.0 if earlier is None else earlier["seconds"]
            write_json(started, dict(inputs=inputs, seconds=spent))
            logger.info(f"{name}: {'starts' if earlier is None else 'goes on'} in {folder}")
            start = time.monotonic()
            try:
                work(folder)
            finally:
                spent += time.monotonic() - start
                write_json(started, dict(inputs=inputs, seconds=spent))
            missing = [output for output in outputs if not (folder / output).exists()]
            if missing:
                raise FileNotFoundError(f"{name} ended without {', '.join(missing)} in {folder}: see its log there.")
            done = dict(seconds=spent, figures=figures(folder))
            write_json(manifest, done)
        result = StepResult(name, folder, done["seconds"], done["figures"])
        self.results.append(result)
        return result


def _read(path: Path) -> dict | None:
    return json.loads(path.read_text()) if path.is_file() else None
