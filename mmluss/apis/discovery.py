# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From a folder of photos to named, outlined things: all steps, their report, and a model for new photos."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config
from rich.console import Console

from mmluss.apis.label_run import read_suggestion, write_pseudo_labels, write_suggestion
from mmluss.apis.mmseg_tools import find_config
from mmluss.apis.photo_configs import TrainingSize, read_photos, set_sizes, training_size
from mmluss.apis.step_screen import FileShare, StepScreen, TrainingShare
from mmluss.apis.steps import StepResult, StepRunner
from mmluss.apis.tool_processes import call_in_process, call_mmseg_tool
from mmluss.checkpoints.conversion import convert_checkpoint
from mmluss.checkpoints.efficientnet_lite0 import efficientnet_lite0_to_timm, installed_efficientnet_lite0
from mmluss.datasets.photos import PhotoList, list_photos
from mmluss.utils.atomic_files import replace_file, write_json
from mmluss.utils.fingerprints import file_fingerprint, file_state, settings_fingerprint

_CONFIGS = dict(
    pretrain="pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15.py",
    pixel_attention="pass-sharp-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py",
    finetune="pass-sharp-finetune_efficientnet-lite0_1xb32-6e_flowers15.py",
)

DEFAULT_THRESHOLD = 0.8
"""Of relative scores: the best lies at 0.78 to 0.86 on sets with masks, and they have no valley for Otsu's method."""


@dataclass(frozen=True)
class DiscoverySettings:
    """What to discover and how.

    Attributes:
        clusters: How many kinds of things there are, or "auto": by the eigengap of the photos' neighbor graph.
        threshold: Foreground threshold in 0..1 of scores that are stretched within each photo, or "otsu".
        quick: A first look in minutes: a quarter of the training.
        strict: Whether a photo that cannot be read ends the run.
        seed: Seed of everything.
    """

    clusters: int | Literal["auto"] = "auto"
    threshold: float | Literal["otsu"] = DEFAULT_THRESHOLD
    quick: bool = False
    strict: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clusters != "auto" and (not isinstance(self.clusters, int) or self.clusters < 2):
            raise ValueError(f"clusters is a number, 2 or more, or 'auto', not {self.clusters!r}")
        if self.threshold != "otsu" and not 0 <= float(self.threshold) <= 1:
            raise ValueError(f"threshold is a number in 0..1 or 'otsu', not {self.threshold!r}")


class Discovery:
    r"""A discovery in a folder of results; run again, it does what is not done yet or what other settings change.

    ``OUT/work`` holds the steps, ``OUT/logs`` all that they print, ``OUT/skipped.csv`` the files that were left out,
    and ``OUT/run.json`` which steps the results come from. Another number of clusters or threshold keeps features and
    training of the attention; the result before stays until the new one is there.

    Args:
        photos: Folder of photos.
        out: Folder of results; it may lie inside of the photos' folder.
        settings: What to discover and how.
        console: Where progress is shown.
        verbose: Show everything that the steps print instead of a line each.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If there are too few photos, or fewer than clusters.
    """

    def __init__(
        self,
        photos: str | Path,
        out: str | Path,
        settings: DiscoverySettings | None = None,
        console: Console | None = None,
        verbose: bool = False,
    ) -> None:
        self.photo_root = Path(photos).resolve()
        self.out = Path(out).resolve()
        self.settings = settings or DiscoverySettings()
        self.console = console or Console(stderr=True)
        self.verbose = verbose
        self.steps = StepRunner(self.out / "work")
        self.photos: PhotoList = PhotoList(str(self.photo_root))

    def run(self) -> dict[str, Any]:
        r"""Do all that is not done.

        Returns:
            The content of ``OUT/run.json``.

        Raises:
            RuntimeError: If a step failed; the message ends with the reason.
        """
        with StepScreen(self.console) as screen:
            self._check_photos(screen)
            size = training_size(len(self.photos.photos), self.settings.quick)
            self._check_clusters(len(self.photos.photos))
            pretrained = self._pretrain(screen, size)
            attention = self._attend(screen, size, pretrained)
            clusters = self._choose_clusters(screen, attention)
            labels = self._label(screen, attention, clusters)
            finetuned = self._finetune(screen, size, pretrained, labels, clusters)
        run = dict(
            photos=str(self.photo_root),
            num_photos=len(self.photos.photos),
            num_skipped=len(self.photos.skipped),
            num_clusters=clusters,
            settings=asdict(self.settings),
            steps={
                name: step.folder.name
                for name, step in zip(_STEPS, (pretrained, attention, labels, finetuned), strict=True)
            },
            seconds={step.name: round(step.seconds, 1) for step in self.steps.results},
        )
        write_json(self.out / "run.json", run)
        return run

    @property
    def photo_list(self) -> Path:
        """Text file with the paths of the photos that count, one a line."""
        return self.out / "work" / "photos.txt"

    def _check_photos(self, screen: StepScreen) -> None:
        seen = 0

        def progress(paths: Sequence[str]) -> Any:
            nonlocal seen
            update = screen.watch("looking at the photos", lambda: seen / max(1, len(paths)))
            for seen, path in enumerate(paths, 1):  # noqa: B007
                yield path
                update()

        self.photos = list_photos(self.photo_root, leave_out=[self.out], progress=progress)
        self.out.mkdir(parents=True, exist_ok=True)
        self.photos.write_skipped(self.out / "skipped.csv")
        if self.photos.skipped and self.settings.strict:
            first = self.photos.skipped[0]
            raise ValueError(
                f"{len(self.photos.skipped)} files cannot be used, the first is {first.path} ({first.reason}); "
                f"{self.out / 'skipped.csv'} has all. Take them out, or run without --strict"
            )
        with replace_file(self.photo_list) as file:
            file.write("".join(f"{path}\n" for path in self.photos.photos).encode(errors="surrogateescape"))

    def _check_clusters(self, num_photos: int) -> None:
        if self.settings.clusters != "auto" and self.settings.clusters > num_photos // 2:
            raise ValueError(
                f"{num_photos} photos cannot make {self.settings.clusters} clusters: give --clusters "
                f"{num_photos // 2} or fewer"
            )

    @property
    def _data(self) -> str:
        states = [(path, file_state(self.photo_root / path)) for path in self.photos.photos]
        return settings_fingerprint(dict(root=str(self.photo_root), photos=states))

    def _start(self) -> Path:
        path = self.out / "work" / "start.pth"
        if not path.is_file():

            def convert(weights: dict) -> dict:
                return {f"backbone.{name}": tensor for name, tensor in efficientnet_lite0_to_timm(weights).items()}

            convert_checkpoint(installed_efficientnet_lite0(), path, convert)
        return path

    def _step_cfg(self, step: str, **photos: Any) -> Config:
        cfg = Config.fromfile(find_config(_CONFIGS[step]))
        read_photos(cfg, dict(data_root=str(self.photo_root), photo_list=str(self.photo_list), **photos))
        cfg.randomness = dict(seed=self.settings.seed)
        return cfg

    def _pretrain(self, screen: StepScreen, size: TrainingSize) -> StepResult:
        cfg = self._step_cfg("pretrain")
        set_sizes(cfg, size, size.pretrain_epochs, len(self.photos.photos))
        start = self._start()
        cfg.model.backbone.init_cfg = _backbone_of(start)
        return self._train(screen, "learning what they share", "1_pretrain", cfg, [start])

    def _attend(self, screen: StepScreen, size: TrainingSize, pretrained: StepResult) -> StepResult:
        cfg = self._step_cfg("pixel_attention")
        set_sizes(cfg, size, size.attention_epochs, len(self.photos.photos))
        checkpoint = last_checkpoint(pretrained.folder)
        cfg.model.pretrained = str(checkpoint)
        # Clustering is a step of its own, so that another number of clusters needs no training.
        cfg.default_hooks.pop("pseudo_labels")
        return self._train(screen, "finding where to look", "2_pixel_attention", cfg, [checkpoint])

    def _label_cfg(self, clusters: int) -> Config:
        cfg = self._step_cfg("pixel_attention")
        cfg.model.pretrained = None
        cfg.default_hooks.pseudo_labels.update(
            num_clusters=clusters,
            threshold=self.settings.threshold,
            seed=self.settings.seed,
            embedding_dir=str(self.out / "work" / "embeddings"),
        )
        # Prototypes and queue are no longer needed; their sizes are those of the checkpoint.
        return cfg

    def _choose_clusters(self, screen: StepScreen, attention: StepResult) -> int:
        if self.settings.clusters != "auto":
            return self.settings.clusters
        cfg = self._with_sizes_of(self._label_cfg(2), attention)
        checkpoint = last_checkpoint(attention.folder)
        suggested = self._in_process(
            screen, "counting kinds of things", "3_clusters", cfg, [checkpoint], write_suggestion, ["clusters.json"]
        )
        return int(read_suggestion(suggested.folder)["num_clusters"])

    def _label(self, screen: StepScreen, attention: StepResult, clusters: int) -> StepResult:
        cfg = self._with_sizes_of(self._label_cfg(clusters), attention)
        name = f"4_labels_{self._key(clusters)}"
        outputs = ["pixel_labels.pth", "pixel_labels/manifest.json"]
        done = FileShare(self.out / "work" / name / "pixel_labels", len(self.photos.photos))
        return self._in_process(
            screen,
            "outlining things",
            name,
            cfg,
            [last_checkpoint(attention.folder)],
            write_pseudo_labels,
            outputs,
            done,
        )

    def _finetune(
        self, screen: StepScreen, size: TrainingSize, pretrained: StepResult, labels: StepResult, clusters: int
    ) -> StepResult:
        cfg = self._step_cfg("finetune", label_root=str(labels.folder / "pixel_labels"), num_clusters=clusters)
        set_sizes(cfg, size, size.finetune_epochs, len(self.photos.photos))
        cfg.test_dataloader.dataset.label_root = False
        checkpoint = last_checkpoint(pretrained.folder)
        cfg.model.backbone.init_cfg = _backbone_of(checkpoint)
        cfg.model.decode_head.num_classes = clusters + 1
        # A photo of one's own may show several things.
        cfg.model.test_cfg.one_category = False
        inputs = [checkpoint, labels.folder / "pixel_labels.pth"]
        return self._train(screen, "learning to outline them", f"5_finetune_{self._key(clusters)}", cfg, inputs)

    def _key(self, clusters: int) -> str:
        threshold = self.settings.threshold
        return f"{clusters}" + ("" if threshold == DEFAULT_THRESHOLD else f"_{threshold}")

    def _with_sizes_of(self, cfg: Config, attention: StepResult) -> Config:
        trained = Config.fromfile(attention.folder / "config.py")
        cfg.model.num_prototypes, cfg.model.queue = trained.model.num_prototypes, trained.model.queue
        cfg.train_dataloader.batch_size = trained.train_dataloader.batch_size
        return cfg

    def _train(self, screen: StepScreen, title: str, name: str, cfg: Config, inputs: Sequence[Path]) -> StepResult:
        iterations = cfg.train_cfg.max_epochs * (len(self.photos.photos) // cfg.train_dataloader.batch_size)
        share = TrainingShare(self.out / "work" / name, iterations)

        def work(folder: Path, config: Path, watch: Callable[[], None] | None) -> None:
            arguments = [config, "--work-dir", folder, "--resume"]
            call_mmseg_tool("train", arguments, self._log(name), watch)

        return self._step(screen, title, name, cfg, inputs, work, ["last_checkpoint"], share)

    def _in_process(
        self,
        screen: StepScreen,
        title: str,
        name: str,
        cfg: Config,
        inputs: Sequence[Path],
        function: Callable[[str, str, str], None],
        outputs: Sequence[str],
        share: Callable[[], float] = lambda: 0.0,
    ) -> StepResult:
        def work(folder: Path, config: Path, watch: Callable[[], None] | None) -> None:
            arguments = (str(config), str(inputs[0]), str(folder))
            call_in_process(title, function, arguments, self._log(name), watch)

        return self._step(screen, title, name, cfg, inputs, work, outputs, share)

    def _step(
        self,
        screen: StepScreen,
        title: str,
        name: str,
        cfg: Config,
        inputs: Sequence[Path],
        work: Callable[[Path, Path, Callable[[], None] | None], None],
        outputs: Sequence[str],
        share: Callable[[], float],
    ) -> StepResult:
        finished = False
        update = screen.watch(title, lambda: 1.0 if finished else min(0.99, share()))

        def run(folder: Path) -> None:
            cfg.dump(folder / "config.py")
            work(folder, folder / "config.py", update)

        hashes = dict(config=settings_fingerprint(cfg.to_dict()), data=self._data)
        hashes |= {path.name: file_fingerprint(path) for path in inputs}
        result = self.steps.run(name, hashes, run, lambda _: {}, outputs)
        finished = True
        update()
        return result

    def _log(self, name: str) -> Path | None:
        return None if self.verbose else self.out / "logs" / f"{name}.log"

    def remove_other_results(self, run: dict[str, Any]) -> None:
        """Remove the label and fine-tuning steps of other settings than those of a finished run."""
        for pattern in ("4_labels_*", "5_finetune_*"):
            for folder in (self.out / "work").glob(pattern):
                if folder.name not in run["steps"].values():
                    shutil.rmtree(folder)


_STEPS = ("pretrain", "pixel_attention", "labels", "finetune")


def last_checkpoint(folder: Path) -> Path:
    """The checkpoint that a training in a work folder ended with."""
    return folder / Path((folder / "last_checkpoint").read_text().strip()).name


def _backbone_of(checkpoint: Path) -> dict:
    return dict(type="Pretrained", checkpoint=str(checkpoint), prefix="backbone.")
