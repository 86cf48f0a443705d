# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps that mmseg's own train and test tools do: each with its config, its log and a line on the screen."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from mmengine.config import Config

from mmluss.apis.self_training import AGREEMENT, agreement_figures, relabel_images
from mmluss.apis.step_figures import SCORES, main_scores
from mmluss.apis.step_launcher import StepLauncher
from mmluss.apis.step_screen import FileShare, StepScreen, TrainingShare
from mmluss.apis.steps import StepResult, StepRunner
from mmluss.apis.submission_step import SUBMISSION, SubmissionStep
from mmluss.apis.tool_processes import call_in_process
from mmluss.apis.training_folder import checkpoint_fingerprint, last_checkpoint
from mmluss.utils.fingerprints import file_fingerprint, settings_fingerprint
from mmluss.utils.image_files import count_images

Figures = Callable[[Path], dict[str, float | str]]

MATCH = "match.json"
SUBMISSION_STEP = "5_submission"


@dataclass(frozen=True)
class ToolSteps:
    """Runs the tools as steps of a work folder.

    Attributes:
        steps: Remembers which steps are done.
        data_root: Folder of the data set.
        data: Hash of what is in it.
        launch: Says in which processes training and tests run.
        screen: Shows a line a step; what steps print then goes to ``WORK_DIR/logs``. None lets it through.
    """

    steps: StepRunner
    data_root: str
    data: str
    launch: StepLauncher
    screen: StepScreen | None = None

    def train(
        self,
        name: str,
        cfg: Config,
        inputs: dict[str, str],
        figures: Figures,
        outputs: Sequence[str] = ("last_checkpoint",),
    ) -> StepResult:
        """Train.

        Args:
            name: Name of the step.
            cfg: Its config.
            inputs: Hashes, by name, of what it depends on beside config and data.
            figures: Reads its key figures from its folder.
            outputs: Files without which it is not done.
        """

        def work(folder: Path) -> None:
            cfg.dump(folder / "config.py")
            batch = cfg.train_dataloader.batch_size * self.launch.processes
            iterations = cfg.train_cfg.max_epochs * (self._count_images(cfg) // batch)
            with self._watched(name, TrainingShare(folder, iterations)) as watch:
                arguments = [folder / "config.py", "--work-dir", folder, "--resume"]
                self.launch("train", arguments, self._log(name), watch)

        return self.steps.run(name, self._hashes(cfg) | inputs, work, figures, outputs)

    def test(self, name: str, trained: StepResult, checkpoint: str | None = None) -> StepResult:
        """Score a model on the validation images.

        Args:
            name: Name of the step.
            trained: The step that trained it.
            checkpoint: Name of a file in its folder, the last checkpoint by default.
        """
        path = trained.folder / checkpoint if checkpoint else last_checkpoint(trained.folder)
        cfg = Config.fromfile(trained.folder / "config.py")

        def work(folder: Path) -> None:
            # Training left its own way to go on in the config; a test loads its checkpoint and nothing else.
            cfg.resume, cfg.load_from = False, None
            cfg.test_evaluator.update(scores_file=str(folder / SCORES), match_file=str(folder / MATCH))
            with self._watched(name) as watch:
                self._run_test(name, cfg, path, folder, watch)

        hashes = self._hashes(cfg) | dict(checkpoint=checkpoint_fingerprint(path))
        return self.steps.run(name, hashes, work, main_scores, [SCORES, MATCH])

    def relabel(self, name: str, model: StepResult, before: StepResult) -> StepResult:
        """Label the training images with a fine-tuned model, for another round.

        Args:
            name: Name of the step.
            model: The step that trained it.
            before: The step that wrote the labels it was trained on.
        """
        path, cfg = last_checkpoint(model.folder), Config.fromfile(model.folder / "config.py")
        hashes = self._hashes(cfg) | dict(checkpoint=checkpoint_fingerprint(path))

        def work(folder: Path) -> None:
            share = FileShare(folder / "pixel_labels", self._count_images(cfg))
            with self._watched(name, share) as watch:

                def test(arguments: list) -> None:
                    self.launch("test", arguments, self._log(name), watch)

                relabel_images(cfg, path, before.folder, folder, test)

        return self.steps.run(name, hashes, work, agreement_figures, [AGREEMENT])

    def submit(self, submission: SubmissionStep, model: StepResult, tested: StepResult) -> StepResult:
        """Predict the test images and pack them for the server that scores them.

        Args:
            submission: What is submitted.
            model: The step that trained the final model.
            tested: The step that matched its clusters with categories.
        """
        path, match_file = last_checkpoint(model.folder), tested.folder / MATCH
        cfg = Config.fromfile(model.folder / "config.py")
        hashes = self._hashes(cfg) | dict(method=settings_fingerprint(asdict(submission.method)))
        hashes |= dict(checkpoint=checkpoint_fingerprint(path), match=file_fingerprint(match_file))

        def work(folder: Path) -> None:
            with self._watched(SUBMISSION_STEP) as watch:
                self._run_test(SUBMISSION_STEP, submission.prediction_cfg(cfg, folder), path, folder, watch)
                title = f"pack {folder / SUBMISSION}"
                call_in_process(title, submission.pack, (folder, match_file), self._log(SUBMISSION_STEP), watch)

        return self.steps.run(SUBMISSION_STEP, hashes, work, lambda _: {}, [SUBMISSION])

    def _run_test(
        self, name: str, cfg: Config, checkpoint: Path, folder: Path, watch: Callable[[], None] | None
    ) -> None:
        cfg.dump(folder / "config.py")
        self.launch("test", [folder / "config.py", checkpoint, "--work-dir", folder], self._log(name), watch)

    def _hashes(self, cfg: Config) -> dict[str, str]:
        return dict(config=settings_fingerprint(cfg.to_dict()), data=self.data)

    def _count_images(self, cfg: Config) -> int:
        return count_images(Path(self.data_root, cfg.train_dataloader.dataset.get("split", "train")))

    def _log(self, name: str) -> Path | None:
        return None if self.screen is None else self.steps.work_dir / "logs" / f"{name}.log"

    def _watched(
        self, name: str, share: Callable[[], float] = lambda: 0.0
    ) -> AbstractContextManager[Callable[[], None] | None]:
        """A line of the screen while a step is at work."""
        return nullcontext() if self.screen is None else self.screen.step(name.replace("_", " "), share)
