# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All steps of PASS in a row, each by mmseg's own train and test tools, with controls measured in the same run."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from mmengine.config import Config
from mmseg.registry import DATASETS

from mmluss.apis.pipeline_config import expect_clusters, find_step_config, known_controls, num_clusters_of, step_config
from mmluss.apis.pipeline_report import FINETUNE, PIXEL_ATTENTION, TEST, write_pipeline_report
from mmluss.apis.raw_color import score_raw_color
from mmluss.apis.result_panel import TestedModel, draw_result_panel
from mmluss.apis.step_figures import SCORES, label_figures, last_values, main_scores
from mmluss.apis.step_launcher import StepLauncher
from mmluss.apis.step_screen import StepScreen, TrainingShare
from mmluss.apis.steps import StepResult, StepRunner
from mmluss.apis.submission_step import SUBMISSION, submission_step
from mmluss.apis.tool_processes import call_in_process
from mmluss.apis.training_folder import backbone_of, checkpoint_fingerprint, last_checkpoint
from mmluss.utils.atomic_files import write_json
from mmluss.utils.fingerprints import file_fingerprint, folder_fingerprint, settings_fingerprint
from mmluss.utils.image_files import count_images

Figures = Callable[[Path], dict[str, float | str]]

_LABEL_CHECKPOINT = "pixel_labels.pth"
_MATCH = "match.json"
_SUBMISSION_STEP = "5_submission"


class PASSPipeline:
    """Runs steps 1 to 4 and the controls that a pipeline config names.

    Without label maps of validation images (``DATA_ROOT/validation-segmentation``) nothing is scored: the foreground
    threshold is then Otsu's, and there are no tests, no controls and no panel.

    A pipeline config holds ``pretrain``, ``pixel_attention`` and ``finetune`` (paths of step configs, relative to the
    pipeline config, or names of configs that come with the package), ``num_clusters`` (to make; the data may have more
    or fewer categories), ``data_root``,
    ``warm_start`` (checkpoint whose ``backbone.`` weights start step 1, or None), ``protocol`` (words for the report),
    ``controls`` (some of ``no_pretraining``, ``untrained``, ``raw_color``), ``panel`` (arguments of
    ``draw_result_panel``), ``submission`` (fields of ``Method``: predictions of the test images are packed for the
    server that scores them) and ``overrides``: for each step, what to change in its config.

    Args:
        cfg: The pipeline config.
        work_dir: Each step gets a sub-folder of it.
        data_root: In place of the config's.
        screen: Shows a line a step; what steps print then goes to ``WORK_DIR/logs``. None lets it through.
        launch: Says in which processes training and tests run; by default in one.

    Raises:
        FileNotFoundError: If a step config, the data or the warm start is missing.
        ValueError: If a control is unknown, or a submission is not possible.

    Example: ::

        cfg = Config.fromfile("configs/pipelines/pass-sharp_efficientnet-lite0_mini-imagenets.py")
        scores = PASSPipeline(cfg, "OUT", data_root="PHOTOS").run()
    """

    def __init__(
        self,
        cfg: Config,
        work_dir: str | Path,
        data_root: str | None = None,
        screen: StepScreen | None = None,
        launch: StepLauncher | None = None,
    ) -> None:
        self.cfg = cfg
        self.launch = launch or StepLauncher()
        self.screen = screen
        self.controls = known_controls(cfg)
        self.data_root = str(data_root or cfg.data_root)
        self.steps = StepRunner(Path(work_dir).resolve())
        self.data = folder_fingerprint(self.data_root)
        self.num_clusters = num_clusters_of(cfg)
        self.scored = Path(self.data_root, "validation-segmentation").is_dir()
        self.warm_start = cfg.get("warm_start")
        if self.warm_start is not None and not Path(self.warm_start).is_file():
            raise FileNotFoundError(f"warm_start checkpoint {self.warm_start} does not exist.")
        folder = Path(cfg.filename).parent
        self.step_cfgs = {
            step: find_step_config(folder, cfg[step], f"{cfg.filename}: step {step}: ")
            for step in ("pretrain", "pixel_attention", "finetune")
        }
        self.submission = submission_step(cfg, self._step_cfg("finetune"), self.data_root, self.num_clusters)

    def run(self) -> dict:
        """Do all steps that are not done and write the report.

        Returns:
            The report: ``steps`` (name, seconds, key figures), ``protocol``, ``miou`` by row of the comparison and the
            path of the ``submission``, where one is asked for.
        """
        pretrained = self._pretrain()
        labels = self._label(PIXEL_ATTENTION, pretrained)
        miou = self._scored_steps(pretrained, labels) if self.scored else {}
        if not self.scored:
            self._finetune(FINETUNE, pretrained, labels)
        report = dict(
            protocol=self.cfg.get("protocol", ""),
            data_root=self.data_root,
            miou=miou,
            steps=[dict(name=step.name, seconds=step.seconds, figures=step.figures) for step in self.steps.results],
        )
        if self.submission is not None:
            report["submission"] = str(self.steps.work_dir / _SUBMISSION_STEP / SUBMISSION)
        write_json(self.steps.work_dir / "report.json", report)
        return report

    def _scored_steps(self, pretrained: StepResult, labels: StepResult) -> dict[str, float | str]:
        label_scores = self._test("2_pixel_labels_test", labels, _LABEL_CHECKPOINT)
        finetuned = self._finetune(FINETUNE, pretrained, labels)
        final = self._test(TEST, finetuned)
        self._submit(finetuned, final)
        miou: dict[str, float | str] = {
            self._label_row: label_scores.figures["mIoU"],
            "fine-tuned (step 4)": final.figures["mIoU"],
        }
        for control in self.controls:
            title, result = getattr(self, f"_control_{control}")()
            miou[f"control: {title}"] = result.figures["mIoU"]
        return miou

    def draw_panel(self) -> Path | None:
        """Draw the panel of validation images; call it after ``run``.

        Returns:
            The path of the PNG, or None where there are no label maps to compare with.
        """
        if not self.scored:
            return None
        folder = self.steps.work_dir
        labels, final = folder / PIXEL_ATTENTION, folder / FINETUNE
        return draw_result_panel(
            TestedModel(labels / "config.py", labels / _LABEL_CHECKPOINT, folder / "2_pixel_labels_test" / _MATCH),
            TestedModel(final / "config.py", last_checkpoint(final), folder / TEST / _MATCH),
            folder / "panel.png",
            **self.cfg.get("panel", {}),
        )

    def write_page(self, report: dict) -> Path:
        """Write the page of the run; call it after ``run``.

        Args:
            report: What ``run`` returned.

        Returns:
            The path of the HTML file.
        """
        return write_pipeline_report(self.steps.work_dir, report)

    def _control_no_pretraining(self) -> tuple[str, StepResult]:
        labels = self._label("c1_no_pretraining_pixel_attention", None)
        finetuned = self._finetune("c1_no_pretraining_finetune", None, labels)
        return "the same without step 1", self._test("c1_no_pretraining_test", finetuned)

    def _control_untrained(self) -> tuple[str, StepResult]:
        labels = self._label("c2_untrained_pixel_attention", None, untrained=True)
        return "pixel labels of an untrained backbone", self._test("c2_untrained_test", labels, _LABEL_CHECKPOINT)

    def _control_raw_color(self) -> tuple[str, StepResult]:
        test_cfg = self._step_cfg("pixel_attention").test_dataloader.dataset
        train_cfg = self._step_cfg("pixel_attention").train_dataloader.dataset

        def work(folder: Path) -> None:
            datasets = [DATASETS.build(dict(cfg, pipeline=[])) for cfg in (train_cfg, test_cfg)]
            write_json(folder / SCORES, dict(scores=score_raw_color(*datasets)))

        result = self.steps.run("c3_raw_color", dict(data=self.data), work, main_scores, [SCORES])
        return "k-means on raw color", result

    def _step_cfg(self, step: Literal["pretrain", "pixel_attention", "finetune"]) -> Config:
        return step_config(self.step_cfgs[step], self.data_root, self.cfg.get("overrides", {}).get(step, {}))

    def _pretrain(self) -> StepResult:
        cfg = self._step_cfg("pretrain")
        if self.warm_start is not None:
            cfg.model.backbone.init_cfg = backbone_of(self.warm_start)
        return self._train("1_pretrain", cfg, [self.warm_start], lambda folder: last_values(folder, "loss", "i2i"))

    def _label(self, name: str, pretrained: StepResult | None, untrained: bool = False) -> StepResult:
        cfg = self._step_cfg("pixel_attention")
        checkpoint = None if pretrained is None else last_checkpoint(pretrained.folder)
        cfg.model.pretrained = None if checkpoint is None else str(checkpoint)
        if checkpoint is None:
            # Without step 1 the projector is random; attention learned through a random projector means nothing.
            cfg.model.train_projector = True
            cfg.model.backbone.init_cfg = None
            if not untrained and self.warm_start is not None:
                checkpoint = self.warm_start
                cfg.model.backbone.init_cfg = backbone_of(checkpoint)
        hook = cfg.default_hooks.get("pseudo_labels")
        if hook is None:
            raise ValueError(
                f"{self.step_cfgs['pixel_attention']} lacks a PseudoLabelHook: default_hooks.pseudo_labels."
            )
        hook.num_clusters = self.num_clusters
        if not self.scored and hook.get("threshold", "val") == "val":
            hook.threshold = "otsu"
        expect_clusters(cfg, self.num_clusters)
        return self._train(name, cfg, [checkpoint], label_figures, [_LABEL_CHECKPOINT, "pixel_labels/manifest.json"])

    def _finetune(self, name: str, pretrained: StepResult | None, labels: StepResult) -> StepResult:
        cfg = self._step_cfg("finetune")
        checkpoint = self.warm_start if pretrained is None else last_checkpoint(pretrained.folder)
        cfg.model.backbone.init_cfg = backbone_of(checkpoint)
        cfg.train_dataloader.dataset.label_root = str(labels.folder / "pixel_labels")
        cfg.train_dataloader.dataset.num_clusters = self.num_clusters
        cfg.model.decode_head.num_classes = self.num_clusters + 1
        expect_clusters(cfg, self.num_clusters)
        if not self.scored:
            for part in ("dataloader", "evaluator", "cfg"):
                cfg[f"val_{part}"] = None
            # A test writes or draws predictions: of validation images without masks, or else of the training images.
            cfg.test_evaluator = dict(type="LUSSMetric", has_masks=False)
            cfg.test_dataloader.dataset.label_root = False
            if not Path(self.data_root, "validation").is_dir():
                cfg.test_dataloader.dataset.split = "train"
        inputs = [checkpoint, labels.folder / _LABEL_CHECKPOINT]
        return self._train(name, cfg, inputs, lambda folder: last_values(folder, "decode.acc_seg"))

    def _train(
        self, name: str, cfg: Config, inputs: list, figures: Figures, outputs: list[str] | None = None
    ) -> StepResult:
        def work(folder: Path) -> None:
            cfg.dump(folder / "config.py")
            images = count_images(Path(self.data_root, cfg.train_dataloader.dataset.get("split", "train")))
            batch = cfg.train_dataloader.batch_size * self.launch.processes
            iterations = cfg.train_cfg.max_epochs * (images // batch)
            with self._watched(name, TrainingShare(folder, iterations)) as watch:
                arguments = [folder / "config.py", "--work-dir", folder, "--resume"]
                self.launch("train", arguments, self._log(name), watch)

        hashes = dict(config=_text_hash(cfg), data=self.data)
        hashes |= {Path(path).name: self._weights_hash(path) for path in inputs if path is not None}
        return self.steps.run(name, hashes, work, figures, outputs or ["last_checkpoint"])

    def _test(self, name: str, trained: StepResult, checkpoint: str | None = None) -> StepResult:
        path = trained.folder / checkpoint if checkpoint else last_checkpoint(trained.folder)
        cfg = Config.fromfile(trained.folder / "config.py")

        def work(folder: Path) -> None:
            # Training left its own way to go on in the config; a test loads its checkpoint and nothing else.
            cfg.resume, cfg.load_from = False, None
            cfg.test_evaluator.update(scores_file=str(folder / SCORES), match_file=str(folder / _MATCH))
            cfg.dump(folder / "config.py")
            with self._watched(name) as watch:
                arguments = [folder / "config.py", path, "--work-dir", folder]
                self.launch("test", arguments, self._log(name), watch)

        hashes = dict(config=_text_hash(cfg), data=self.data, checkpoint=checkpoint_fingerprint(path))
        return self.steps.run(name, hashes, work, main_scores, [SCORES, _MATCH])

    @property
    def _label_row(self) -> str:
        # Images to score have no saliency maps, so there the attention takes their place.
        saliency = self._step_cfg("pixel_attention").default_hooks.pseudo_labels.get("saliency_root")
        return "pixel labels (step 2)" if saliency is None else "pixel attention without saliency (step 2)"

    def _submit(self, finetuned: StepResult, final: StepResult) -> None:
        submission = self.submission
        if submission is None:
            return
        path, match_file = last_checkpoint(finetuned.folder), final.folder / _MATCH
        cfg = Config.fromfile(finetuned.folder / "config.py")

        def work(folder: Path) -> None:
            submission.prediction_cfg(cfg, folder).dump(folder / "config.py")
            with self._watched(_SUBMISSION_STEP) as watch:
                arguments = [folder / "config.py", path, "--work-dir", folder]
                self.launch("test", arguments, self._log(_SUBMISSION_STEP), watch)
                title = f"pack {folder / SUBMISSION}"
                call_in_process(title, submission.pack, (folder, match_file), self._log(_SUBMISSION_STEP), watch)

        hashes = dict(config=_text_hash(cfg), data=self.data, method=settings_fingerprint(asdict(submission.method)))
        hashes |= dict(checkpoint=checkpoint_fingerprint(path), match=file_fingerprint(match_file))
        self.steps.run(_SUBMISSION_STEP, hashes, work, lambda _: {}, [SUBMISSION])

    def _weights_hash(self, checkpoint: str | Path) -> str:
        # A warm start may be a file of any kind.
        return (file_fingerprint if checkpoint == self.warm_start else checkpoint_fingerprint)(checkpoint)

    def _log(self, name: str) -> Path | None:
        return None if self.screen is None else self.steps.work_dir / "logs" / f"{name}.log"

    def _watched(
        self, name: str, share: Callable[[], float] = lambda: 0.0
    ) -> AbstractContextManager[Callable[[], None] | None]:
        """A line of the screen while a step is at work."""
        return nullcontext() if self.screen is None else self.screen.step(name.replace("_", " "), share)


def _text_hash(cfg: Config) -> str:
    return settings_fingerprint(cfg.to_dict())
