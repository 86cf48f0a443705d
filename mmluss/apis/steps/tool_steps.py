# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps that mmseg's own train and test tools do: each with its config, its log and a line on the screen."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from mmengine.config import Config

from mmluss.apis.steps.self_training import AGREEMENT, agreement_figures, relabel_images
from mmluss.apis.steps.step_figures import main_scores
from mmluss.apis.steps.step_launcher import StepLauncher
from mmluss.apis.steps.step_names import SUBMISSION_STEP
from mmluss.apis.steps.step_screen import FileShare, StepScreen, TrainingShare
from mmluss.apis.steps.steps import StepResult, StepRunner
from mmluss.apis.steps.submission_step import SUBMISSION, SubmissionStep
from mmluss.apis.steps.training_folder import (
    checkpoint_fingerprint,
    config_for_test,
    labels_fingerprint,
    last_checkpoint,
)
from mmluss.apis.tools.evaluators import luss_metrics
from mmluss.apis.tools.mmseg_tools import write_config
from mmluss.apis.tools.tool_processes import call_in_process
from mmluss.datasets.label_folder import LABEL_CHECKPOINT, PIXEL_LABELS
from mmluss.engine.hooks.whole_checkpoint_hook import is_begun
from mmluss.evaluation.matching import MATCH_FILE
from mmluss.evaluation.scores import SCORES_FILE
from mmluss.utils.fingerprints import file_fingerprint, settings_fingerprint

Figures = Callable[[Path], dict[str, float | str]]
Watch = Callable[[], None] | None


def _unknown() -> float:
    return 0.0


@dataclass(frozen=True)
class ToolSteps:
    """Runs the tools as steps of a work folder.

    Attributes:
        steps: Remembers which steps are done.
        data: Hash of the data that all of them read.
        num_images: Images to train on.
        launch: Says in which processes training and tests run.
        screen: Shows a line a step, if given.
        logs: Folder for all that steps print; None lets it through.
    """

    steps: StepRunner
    data: str
    num_images: int
    launch: StepLauncher
    screen: StepScreen | None = None
    logs: Path | None = None

    def train(
        self,
        name: str,
        cfg: Config,
        starts: Sequence[Path | None],
        figures: Figures = lambda _: {},
        outputs: Sequence[str] = ("last_checkpoint",),
        title: str | None = None,
    ) -> StepResult:
        """Train; with another number of processes anew, as batches are those of a process.

        Args:
            name: Name of the step.
            cfg: Its config.
            starts: Files that it depends on beside config and data, such as a checkpoint; None does not count. The
                model that named pixels stands for the label maps beside it, too.
            figures: Reads its key figures from its folder.
            outputs: Files without which it is not done.
            title: Its words on the screen, by default those of the name.
        """

        def work(folder: Path, watch: Watch) -> None:
            # Without a checkpoint to go on from, load_from gives the first weights.
            resume = ["--resume"] if is_begun(folder) else []
            self.launch("train", [write_config(cfg, folder), "--work-dir", folder, *resume], self._log(name), watch)

        processes = self.launch.total_processes
        batch = cfg.train_dataloader.batch_size * processes
        iterations = cfg.train_cfg.max_epochs * (self.num_images // batch)
        share = TrainingShare(self.steps.work_dir / name, iterations)
        hashes = self._hashes(cfg, *starts) | dict(processes=str(processes))
        return self._run(name, hashes, work, figures, outputs, title, share)

    def call(
        self,
        name: str,
        cfg: Config,
        checkpoint: Path,
        function: Callable[[str, str, str], None],
        outputs: Sequence[str],
        title: str | None = None,
        writes_labels: bool = True,
    ) -> StepResult:
        """Call a function of the package in a process of its own.

        Args:
            name: Name of the step.
            cfg: Its config.
            checkpoint: What it starts from.
            function: Given the paths of the config, of the checkpoint and of the step's folder.
            outputs: Files without which it is not done.
            title: As for ``train``.
            writes_labels: Whether it writes a label map for each image, which tells how far it is.
        """

        def work(folder: Path, watch: Watch) -> None:
            arguments = (str(write_config(cfg, folder)), str(checkpoint), str(folder))
            call_in_process(title or name, function, arguments, self._log(name), watch)

        hashes = self._hashes(cfg, checkpoint)
        share = self._label_share(name) if writes_labels else _unknown
        return self._run(name, hashes, work, outputs=outputs, title=title, share=share)

    def test(self, name: str, trained: StepResult, checkpoint: str | None = None) -> StepResult:
        """Score a model on the validation images.

        Args:
            name: Name of the step.
            trained: The step that trained it.
            checkpoint: Name of a file in its folder, the last checkpoint by default.
        """
        path = trained.folder / checkpoint if checkpoint else last_checkpoint(trained.folder)
        cfg = config_for_test(trained.folder)

        def work(folder: Path, watch: Watch) -> None:
            for metric in luss_metrics(cfg.test_evaluator):
                metric.update(scores_file=str(folder / SCORES_FILE), match_file=str(folder / MATCH_FILE))
            self._launch_test(name, cfg, path, folder, watch)

        hashes = self._hashes(cfg) | dict(checkpoint=checkpoint_fingerprint(path))
        return self._run(name, hashes, work, main_scores, [SCORES_FILE, MATCH_FILE])

    def relabel(self, name: str, model: StepResult, before: StepResult, title: str | None = None) -> StepResult:
        """Label the training images with a fine-tuned model, for another round.

        Args:
            name: Name of the step.
            model: The step that trained it.
            before: The step that wrote the labels it was trained on.
            title: As for ``train``.
        """
        path, cfg = last_checkpoint(model.folder), config_for_test(model.folder)

        def work(folder: Path, watch: Watch) -> None:
            def test(arguments: list) -> None:
                self.launch("test", arguments, self._log(name), watch)

            relabel_images(cfg, path, before.folder, folder, test)

        hashes = self._hashes(cfg) | dict(checkpoint=checkpoint_fingerprint(path))
        return self._run(name, hashes, work, agreement_figures, [AGREEMENT], title, self._label_share(name))

    def submit(self, submission: SubmissionStep, model: StepResult, tested: StepResult) -> StepResult:
        """Predict the test images and pack them for the server that scores them.

        Args:
            submission: What is submitted.
            model: The step that trained the final model.
            tested: The step that matched its clusters with categories.
        """
        path, match_file = last_checkpoint(model.folder), tested.folder / MATCH_FILE
        cfg = config_for_test(model.folder)
        hashes = self._hashes(cfg) | dict(method=settings_fingerprint(asdict(submission.method)))
        hashes |= dict(checkpoint=checkpoint_fingerprint(path), match=file_fingerprint(match_file))

        def work(folder: Path, watch: Watch) -> None:
            submission.predict_only(cfg, folder)
            self._launch_test(SUBMISSION_STEP, cfg, path, folder, watch)
            title = f"pack {folder / SUBMISSION}"
            call_in_process(title, submission.pack, (folder, match_file), self._log(SUBMISSION_STEP), watch)

        return self._run(SUBMISSION_STEP, hashes, work, outputs=[SUBMISSION])

    def _run(
        self,
        name: str,
        hashes: dict[str, str],
        work: Callable[[Path, Watch], None],
        figures: Figures = lambda _: {},
        outputs: Sequence[str] = (),
        title: str | None = None,
        share: Callable[[], float] = _unknown,
    ) -> StepResult:
        """Run a step with its line on the screen."""
        line = nullcontext() if self.screen is None else self.screen.step(title or name.replace("_", " "), share)
        with line as watch:
            return self.steps.run(name, hashes, lambda folder: work(folder, watch), figures, outputs)

    def _launch_test(self, name: str, cfg: Config, checkpoint: Path, folder: Path, watch: Watch) -> None:
        self.launch("test", [write_config(cfg, folder), checkpoint, "--work-dir", folder], self._log(name), watch)

    def _hashes(self, cfg: Config, *starts: Path | None) -> dict[str, str]:
        """Hashes by name; of a checkpoint that a step wrote the weights count, as a test may change the names in it."""
        hashes = dict(config=settings_fingerprint(cfg.to_dict()), data=self.data)
        for path in filter(None, starts):
            written = path.suffix == ".pth" and path.is_relative_to(self.steps.work_dir)
            hashes[path.name] = (checkpoint_fingerprint if written else file_fingerprint)(path)
            # The weights do not tell which saliency maps there were and how outlines were refined.
            if written and path.name == LABEL_CHECKPOINT:
                hashes[PIXEL_LABELS] = labels_fingerprint(path.parent)
        return hashes

    def _label_share(self, name: str) -> FileShare:
        return FileShare(self.steps.work_dir / name / PIXEL_LABELS, self.num_images)

    def _log(self, name: str) -> Path | None:
        return None if self.logs is None else self.logs / f"{name}.log"
