# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From a folder of photos to named, outlined things: all steps, their report, and a model for new photos."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config
from rich.console import Console

from mmluss.apis.discovery.discovery_configs import DiscoveryConfigs
from mmluss.apis.discovery.discovery_settings import DiscoverySettings
from mmluss.apis.discovery.photo_configs import training_size
from mmluss.apis.discovery.starting_backbone import ForeignNetwork, embedded_start, foreign_network
from mmluss.apis.results.run_folder import RunFolder
from mmluss.apis.steps.label_run import read_suggestion, write_pseudo_labels, write_suggestion
from mmluss.apis.steps.self_training import AGREEMENT, train_in_rounds
from mmluss.apis.steps.step_launcher import StepLauncher
from mmluss.apis.steps.step_names import (
    CHOICE_OF_CLUSTERS,
    CHOICE_TITLE,
    FINETUNE_TITLE,
    LABELS_TITLE,
    PIXEL_ATTENTION,
    PIXEL_ATTENTION_TITLE,
    PRETRAIN,
    PRETRAIN_TITLE,
    round_name,
)
from mmluss.apis.steps.step_screen import StepScreen
from mmluss.apis.steps.steps import StepResult, StepRunner
from mmluss.apis.steps.tool_steps import ToolSteps
from mmluss.apis.steps.training_folder import last_checkpoint
from mmluss.datasets.label_folder import LABEL_CHECKPOINT, LABEL_OUTPUTS, PIXEL_LABELS
from mmluss.datasets.photos import PhotoList, list_photos, write_photo_list
from mmluss.models.pixel_attention.foreground_score import RELATIVE_THRESHOLD
from mmluss.utils.atomic_files import write_json
from mmluss.utils.fingerprints import file_state, settings_fingerprint
from mmluss.utils.folder_lock import only_run_in


class Discovery:
    """A discovery in a folder of results; run again, it does what is not done yet or what other settings change.

    ``OUT/work`` holds the steps, ``OUT/logs`` all that they print, ``OUT/skipped.csv`` the files that were left out,
    and ``OUT/run.json`` which steps the results come from. Another number of clusters or threshold keeps features and
    training of the attention; the result before stays until the new one is there.

    Args:
        photos: Folder of photos.
        out: Folder of results; it may lie inside of the photos' folder.
        settings: What to discover and how.
        console: Where progress is shown.
        verbose: Show everything that the steps print instead of a line each.
        processes: How many processes train together, each on a GPU of its own if there are some.
    """

    def __init__(
        self,
        photos: str | Path,
        out: str | Path,
        settings: DiscoverySettings | None = None,
        console: Console | None = None,
        verbose: bool = False,
        processes: int = 1,
    ) -> None:
        self.photo_root = Path(photos).resolve()
        self.out = Path(out).resolve()
        self.folder = RunFolder(self.out)
        self.settings = settings or DiscoverySettings()
        self.console = console or Console(stderr=True)
        self.verbose = verbose
        self.processes = processes
        self.steps = StepRunner(self.out / "work", self._change)
        self.photos: PhotoList = PhotoList(str(self.photo_root))
        self.configs: DiscoveryConfigs
        self.tools: ToolSteps
        self.inputs: str

    def run(self) -> dict[str, Any]:
        """Do all that is not done.

        Returns:
            The content of ``OUT/run.json``.

        Raises:
            FileNotFoundError: If there is no such folder, or no such network to start from.
            ValueError: If there are too few photos, fewer than two for each cluster, or files that cannot be used, with
                ``strict``; or if a network to start from does not fit.
            RuntimeError: If a step failed; the message ends with the reason. Or if another run is at work in the
                folder.
        """
        foreign = None
        # A network that does not fit is told of before the photos are looked through, if there are any.
        if self.settings.backbone is not None and self.photo_root.is_dir():
            foreign = foreign_network(*self.settings.backbone)
        with StepScreen(self.console) as screen:
            self._look_at_photos(screen)
            with only_run_in(self.folder.lock):
                return self._run(screen, foreign)

    def _run(self, screen: StepScreen, foreign: ForeignNetwork | None) -> dict[str, Any]:
        self._check_photos()
        self._prepare(screen, foreign)
        pretrained = self._pretrain() if foreign is None else None
        attention = self._attend(pretrained)
        num_clusters = self._choose_clusters(attention)
        labels = self._label(attention, num_clusters)
        finetuned = self._finetune(pretrained, labels, num_clusters)
        steps = dict(pretrain=pretrained, pixel_attention=attention, labels=labels, finetune=finetuned[-1])
        run = dict(
            photos=str(self.photo_root),
            num_photos=len(self.photos.photos),
            num_skipped=len(self.photos.skipped),
            num_clusters=num_clusters,
            settings=asdict(self.settings),
            inputs=self.inputs,
            start=self.configs.start.title,
            steps={name: step.folder.name for name, step in steps.items() if step is not None},
            seconds={step.name: round(step.seconds, 1) for step in self.steps.results},
        )
        write_json(self.folder.run_file, run)
        return run

    def _look_at_photos(self, screen: StepScreen) -> None:
        def progress(paths: Sequence[str]) -> Iterator[str]:
            seen = 0
            with screen.step("looking at the photos", lambda: seen / len(paths)) as update:
                for seen, path in enumerate(paths, 1):  # noqa: B007, the line above looks at it
                    yield path
                    update()

        self.photos = list_photos(self.photo_root, leave_out=[self.out], progress=progress)

    def _check_photos(self) -> None:
        self.photos.write_skipped(self.out / "skipped.csv")
        if self.photos.skipped and self.settings.strict:
            first = self.photos.skipped[0]
            raise ValueError(
                f"{len(self.photos.skipped)} files cannot be used, the first is {first.path} ({first.reason}); "
                f"{self.out / 'skipped.csv'} has all. Take them out, or run without --strict"
            )

    def _prepare(self, screen: StepScreen, foreign: ForeignNetwork | None) -> None:
        num_photos = len(self.photos.photos)
        size = training_size(num_photos, self.settings.quick, self.processes)
        self._check_clusters(num_photos)
        data = self._data()
        self._begin(data, size.processes)
        work = self.out / "work"
        start = embedded_start(work) if foreign is None else foreign.start_in(work)
        self.configs = DiscoveryConfigs(self.photo_root, self.folder.photo_list, num_photos, self.settings, size, start)
        launch, logs = StepLauncher(size.processes), None if self.verbose else self.out / "logs"
        self.tools = ToolSteps(self.steps, data, num_photos, launch, screen, logs)

    def _begin(self, data: str, processes: int = 1) -> None:
        """Write the list of photos; from here on the steps change, if photos, settings or processes did."""
        self.inputs = settings_fingerprint(asdict(self.settings) | dict(data=data, processes=processes))
        if not self.folder.run_file.is_file() or self.folder.run.get("inputs") != self.inputs:
            self._change()
        write_photo_list(self.folder.photo_list, self.photos.photos)

    def _change(self) -> None:
        """Note that the steps will not be those of the results until these are made anew."""
        self.folder.changing.parent.mkdir(parents=True, exist_ok=True)
        self.folder.changing.touch()

    def _check_clusters(self, num_photos: int) -> None:
        if self.settings.clusters != "auto" and self.settings.clusters > num_photos // 2:
            raise ValueError(
                f"{num_photos} photos cannot make {self.settings.clusters} clusters: give --clusters "
                f"{num_photos // 2} or fewer"
            )

    def _data(self) -> str:
        states = [(path, file_state(self.photo_root / path)) for path in self.photos.photos]
        return settings_fingerprint(dict(root=str(self.photo_root), photos=states))

    def _pretrain(self) -> StepResult:
        starts = [self.configs.start.checkpoint]
        return self.tools.train(PRETRAIN, self.configs.pretrain(), starts, title=PRETRAIN_TITLE)

    def _begun_from(self, pretrained: StepResult | None) -> tuple[Path | None, Path]:
        """Checkpoint of step 1, if there is one, and the one that has the backbone's weights."""
        checkpoint = None if pretrained is None else last_checkpoint(pretrained.folder)
        return checkpoint, checkpoint or self.configs.start.checkpoint

    def _attend(self, pretrained: StepResult | None) -> StepResult:
        checkpoint, backbone = self._begun_from(pretrained)
        cfg = self.configs.pixel_attention(checkpoint)
        return self.tools.train(PIXEL_ATTENTION, cfg, [backbone], title=PIXEL_ATTENTION_TITLE)

    def _label_cfg(self, num_clusters: int, attention: StepResult) -> Config:
        return self.configs.labels(num_clusters, attention.folder / "config.py", self.folder.embedding_folder)

    def _choose_clusters(self, attention: StepResult) -> int:
        if self.settings.clusters != "auto":
            return self.settings.clusters
        # How many are made plays no part in counting them.
        cfg, checkpoint = self._label_cfg(2, attention), last_checkpoint(attention.folder)
        suggested = self.tools.call(
            CHOICE_OF_CLUSTERS, cfg, checkpoint, write_suggestion, ["clusters.json"], CHOICE_TITLE, writes_labels=False
        )
        return int(read_suggestion(suggested.folder)["num_clusters"])

    def _label(self, attention: StepResult, num_clusters: int) -> StepResult:
        name, cfg = f"4_labels_{self._key(num_clusters)}", self._label_cfg(num_clusters, attention)
        checkpoint = last_checkpoint(attention.folder)
        return self.tools.call(name, cfg, checkpoint, write_pseudo_labels, LABEL_OUTPUTS, LABELS_TITLE)

    def _finetune(self, pretrained: StepResult | None, labels: StepResult, num_clusters: int) -> list[StepResult]:
        checkpoint, backbone = self._begun_from(pretrained)

        def title(text: str, number: int) -> str:
            return text if number == 1 else f"{text}, round {number}"

        def finetune(number: int, labels: StepResult) -> StepResult:
            name = round_name(f"5_finetune_{self._key(num_clusters)}", number)
            cfg = self.configs.finetune(num_clusters, checkpoint, labels.folder / PIXEL_LABELS)
            starts = [backbone, labels.folder / (LABEL_CHECKPOINT if number == 1 else AGREEMENT)]
            return self.tools.train(name, cfg, starts, title=title(FINETUNE_TITLE, number))

        def relabel(number: int, model: StepResult, before: StepResult) -> StepResult:
            name = round_name(f"4_labels_{self._key(num_clusters)}", number)
            return self.tools.relabel(name, model, before, title(LABELS_TITLE, number))

        return train_in_rounds(labels, self.settings.most_rounds, finetune, relabel)

    def _key(self, num_clusters: int) -> str:
        threshold = self.settings.threshold
        return f"{num_clusters}" + ("" if threshold == RELATIVE_THRESHOLD else f"_{threshold}")

    def remove_other_results(self, run: dict[str, Any]) -> None:
        """Remove the label and fine-tuning steps of other settings than those of a finished run."""
        for pattern in ("4_labels_*", "5_finetune_*"):
            for folder in (self.out / "work").glob(pattern):
                if folder.name not in run["seconds"]:
                    shutil.rmtree(folder)
