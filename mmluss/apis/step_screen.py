# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a person sees of a long run: one live line a step with the time left."""

import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


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

    def watch(self, title: str, done: Callable[[], float]) -> Callable[[], None]:
        """Begin a line.

        Args:
            title: Its words.
            done: Gives the share that is done, 0..1.

        Returns:
            To be called while the step is at work, and once after it.
        """
        task = self.progress.add_task(title, total=1.0)

        def update() -> None:
            self.progress.update(task, completed=min(1.0, done()))

        return update


class TrainingShare:
    """Share of a training that is done, read from mmengine's log in its work folder.

    Args:
        folder: The work folder.
        iterations: Iterations of the whole training.
    """

    def __init__(self, folder: Path, iterations: int) -> None:
        self.folder = folder
        self.iterations = max(1, iterations)

    def __call__(self) -> float:
        """The share, 0..1."""
        logs = sorted(self.folder.glob("*/vis_data/scalars.json"))
        lines = logs[-1].read_text().splitlines() if logs else []
        # The last line may be half-written.
        for line in reversed(lines[-3:]):
            try:
                return json.loads(line)["step"] / self.iterations
            except (ValueError, KeyError):
                continue
        return 0.0


class FileShare:
    """Share of files below a folder that are there.

    Args:
        folder: The folder.
        count: How many there will be.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = max(1, count)

    def __call__(self) -> float:
        """The share, 0..1."""
        return sum(1 for _ in self.folder.rglob("*.png")) / self.count if self.folder.is_dir() else 0.0
