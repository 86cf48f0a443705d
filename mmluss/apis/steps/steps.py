# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps of a pipeline that run once: done only if a manifest says so and the inputs are what they were."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.logging import MMLogger

from mmluss.utils.atomic_files import replace_file
from mmluss.utils.stage_record import StageRecord

_RECORD = "step.json"
# Files of these kinds may name the folder that they are in.
_TEXTS = ("", ".py", ".json", ".txt", ".csv")


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


class StepRunner:
    """Runs steps in sub-folders of a work folder and remembers which are done.

    Args:
        work_dir: The work folder; made if it does not exist.
        change: Called before a step that is not done begins or goes on.
    """

    def __init__(self, work_dir: str | Path, change: Callable[[], object] = lambda: None) -> None:
        self.work_dir = Path(work_dir)
        self._change = change
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

        A step whose inputs changed starts anew beside its folder, where the old results stay until the new ones take
        their place; one that was interrupted goes on where it was.

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
        place = _Place(self.work_dir / name)
        place.complete_replacement(name)
        folder, record = place.folder, StageRecord(place.folder / _RECORD)
        if record.begun(name) and not record.begun(name, inputs):
            logger.info(f"{name}: {', '.join(record.changed(name, inputs))} changed, so it starts anew")
            if record.finished(name):
                folder, record = place.beside, StageRecord(place.beside / _RECORD)
            if record.begun(name) and not record.begun(name, inputs):
                place.remove(folder)
                record = StageRecord(folder / _RECORD)
        done = record.result(name, inputs)
        if done is not None and all((folder / output).exists() for output in outputs):
            logger.info(f"{name}: done before ({done['seconds']:.0f} s)")
        else:
            logger.info(f"{name}: {'goes on' if record.begun(name) else 'starts'} in {folder}")
            self._change()
            spent = record.notes(name).get("seconds", 0.0)
            record.begin(name, inputs, seconds=spent)
            start = time.monotonic()
            try:
                work(folder)
            finally:
                spent += time.monotonic() - start
                record.begin(name, inputs, seconds=spent)
            missing = [output for output in outputs if not (folder / output).exists()]
            if missing:
                raise FileNotFoundError(
                    f"{name} ended without {', '.join(missing)} in {folder}: its log, or what it printed, says why"
                )
            done = dict(seconds=spent, figures=figures(folder))
            record.finish(name, inputs, done)
            place.complete_replacement(name)
        result = StepResult(name, place.folder, done["seconds"], done["figures"])
        self.results.append(result)
        return result


def folder_at_work(folder: Path) -> Path:
    """Where a step that may be at work writes: beside the folder of its results while that holds old ones.

    Args:
        folder: Where its results will be.
    """
    beside = _Place(folder).beside
    return beside if beside.is_dir() else folder


class _Place:
    """The folder of a step's results, the one beside it where new results are made, and the one for what is deleted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside = folder.with_name(f".{folder.name}.new")
        self._outdated = folder.with_name(f".{folder.name}.outdated")

    def complete_replacement(self, name: str) -> None:
        """Put results that were finished beside in their place; also what an interruption left of that is done."""
        if StageRecord(self.beside / _RECORD).finished(name):
            self._name_final_folder()
            self._set_aside(self.folder)
            self.beside.rename(self.folder)
        self._delete()

    def remove(self, folder: Path) -> None:
        """Take a folder away; renamed first, so that a deletion cut short leaves nothing that looks begun."""
        self._set_aside(folder)
        self._delete()

    def _set_aside(self, folder: Path) -> None:
        self._delete()
        if folder.exists():
            folder.rename(self._outdated)

    def _delete(self) -> None:
        if self._outdated.exists():
            shutil.rmtree(self._outdated)

    def _name_final_folder(self) -> None:
        for path in sorted(self.beside.iterdir()):
            if path.suffix in _TEXTS and path.is_file():
                text = path.read_bytes()
                final = text.replace(str(self.beside).encode(), str(self.folder).encode())
                if final != text:
                    with replace_file(path) as file:
                        file.write(final)
