# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps of a pipeline that run once: done only if a manifest says so and the inputs are what they were."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.logging import MMLogger

from mmluss.utils.stage_record import StageRecord


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
        outdated = folder.with_name(f".{name}.outdated")
        if outdated.exists():
            shutil.rmtree(outdated)
        record = StageRecord(folder / "step.json")
        if record.begun(name) and not record.begun(name, inputs):
            logger.info(f"{name}: {', '.join(record.changed(name, inputs))} changed, so it starts anew")
            # Renamed first, so that a deletion cut short leaves nothing that looks finished or begun.
            folder.rename(outdated)
            shutil.rmtree(outdated)
            record = StageRecord(folder / "step.json")
        done = record.result(name, inputs)
        if done is not None and all((folder / output).exists() for output in outputs):
            logger.info(f"{name}: done before ({done['seconds']:.0f} s)")
        else:
            logger.info(f"{name}: {'goes on' if record.begun(name) else 'starts'} in {folder}")
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
                raise FileNotFoundError(f"{name} ended without {', '.join(missing)} in {folder}: see its log there.")
            done = dict(seconds=spent, figures=figures(folder))
            record.finish(name, inputs, done)
        result = StepResult(name, folder, done["seconds"], done["figures"])
        self.results.append(result)
        return result
