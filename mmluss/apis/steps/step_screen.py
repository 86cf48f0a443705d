# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a person sees of a long run: one live line a step with the time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mmluss.apis.steps.steps import folder_at_work
from mmluss.apis.steps.training_folder import last_record


class StepScreen:
    """A live line for the step at work; finished steps stay as a line with their time.

    Args:
        console: Where it is shown.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=4,
        )

    def __enter__(self) -> "StepScreen":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    @contextmanager
    def step(self, title: str, share: Callable[[], float] = lambda: 0.0) -> Iterator[Callable[[], None]]:
        """A line while a step is at work; it is full once the step ended well.

        Args:
            title: Its words.
            share: Gives the share that is done, 0..1.

        Yields:
            To be called now and then while the step is at work.
        """
        task = self.progress.add_task(title, total=1.0)

        def update() -> None:
            self.progress.update(task, completed=min(0.99, share()))

        yield update
        self.progress.update(task, completed=1.0)


class TrainingShare:
    """Share of a training that is done, read from mmengine's log in its work folder.

    Args:
        folder: The work folder of a step.
        iterations: Iterations of the whole training.
    """

    def __init__(self, folder: Path, iterations: int) -> None:
        self.folder = folder
        self.iterations = max(1, iterations)

    def __call__(self) -> float:
        """The share, 0..1."""
        # A record of validation has the epoch as its step, and no learning rate.
        record = last_record(folder_at_work(self.folder), "step", "lr")
        return 0.0 if record is None else record["step"] / self.iterations


class FileShare:
    """Share of files below a folder that are there.

    Args:
        folder: The folder, in that of a step.
        count: How many there will be.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = max(1, count)

    def __call__(self) -> float:
        """The share, 0..1."""
        folder = folder_at_work(self.folder.parent) / self.folder.name
        return sum(1 for _ in folder.rglob("*.png")) / self.count if folder.is_dir() else 0.0
