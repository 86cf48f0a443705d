# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All steps of PASS in a row, each by mmseg's own train and test tools, with controls measured in the same run."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import DATASETS

from mmluss.apis.pipeline_config import find_step_config, known_controls, number_of_clusters, step_config
from mmluss.apis.pipeline_report import FINETUNE, PIXEL_ATTENTION, TEST, write_pipeline_report
from mmluss.apis.raw_color import score_raw_color
from mmluss.apis.result_panel import TestedModel, draw_result_panel
from mmluss.apis.step_screen import StepScreen, TrainingShare
from mmluss.apis.steps import StepResult, StepRunner
from mmluss.apis.tool_processes import call_mmseg_tool
from mmluss.apis.training_folder import backbone_of, checkpoint_fingerprint, last_checkpoint, last_record
from mmluss.utils.atomic_files import write_json
from mmluss.utils.fingerprints import file_fingerprint, folder_fingerprint, settings_fingerprint
from mmluss.utils.image_files import is_image

Figures = Callable[[Path], dict[str, float | str]]

_SCORES = "scores.json"
_LABEL_CHECKPOINT = "pixel_labels.pth"
_MATCH = "match.json"


class PASSPipeline:
    """Runs steps 1 to 4 and the controls that a pipeline config names.

    Without label maps of validation images (``DATA_ROOT/validation-segmentation``) nothing is scored: the foreground
    threshold is then Otsu's, and there are no tests, no controls and no panel.

    A pipeline config holds ``pretrain``, ``pixel_attention`` and ``finetune`` (paths of step configs, relative to the
    pipeline config, or names of configs that come with the package), ``num_clusters`` (to make; the data may have more
    or fewer categories), ``data_root``,
    ``warm_start`` (checkpoint whose ``backbone.`` weights start step 1, or None), ``protocol`` (words for the report),
    ``controls`` (some of ``no_pretraining``, ``untrained``, ``raw_color``), ``panel`` (arguments of
    ``draw_result_panel``) and ``overrides``: for each step, what to change in its config.

    Args:
        cfg: The pipeline config.
        work_dir: Each step gets a sub-folder of it.
        data_root: In place of the config's.
        screen: Shows a line a step; what steps print then goes to ``WORK_DIR/logs``. None lets it through.

    Raises:
        FileNotFoundError: If a step config, the data or the warm start is missing.
        ValueError: If a control is unknown.
    """

    def __init__(
        self,
        cfg: Config,
        work_dir: str | Path,
        data_root: str | None = None,
        screen: StepScreen | None = None,
    ) -> None:
        self.cfg = cfg
        self.screen = screen
        self.controls = known_controls(cfg)
        self.data_root = str(data_root or cfg.data_root)
        self.steps = StepRunner(Path(work_dir).resolve())
        self.data = folder_fingerprint(self.data_root)
        self.num_clusters = number_of_clusters(cfg)
        self.scored = Path(self.data_root, "validation-segmentation").is_dir()
        self.warm_start = cfg.get("warm_start")
        if self.warm_start is not None and not Path(self.warm_start).is_file():
            raise FileNotFoundError(f"warm_start checkpoint {self.warm_start} does not exist.")
        folder = Path(cfg.filename).parent
        self.step_cfgs = {
            step: find_step_config(folder, cfg[step], f"{cfg.filename}: step {step}: ")
            for step in ("pretrain", "pixel_attention", "finetune")
        }

    def run(self) -> dict:
        """Do all steps that are not done and write the report.

        Returns:
            The report: ``steps`` (name, seconds, key figures), ``protocol`` and ``miou`` by row of the comparison.
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
        write_json(self.steps.work_dir / "report.json", report)
        return report

    def _scored_steps(self, pretrained: StepResult, labels: StepResult) -> dict[str, float | str]:
        label_scores = self._test("2_pixel_labels_test", labels, _LABEL_CHECKPOINT)
        finetuned = self._finetune(FINETUNE, pretrained, labels)
        final = self._test(TEST, finetuned)
        miou: dict[str, float | str] = {
            "pixel labels (step 2)": label_scores.figures["mIoU"],
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
            write_json(folder / _SCORES, dict(scores=score_raw_color(*datasets)))

        result = self.steps.run("c3_raw_color", dict(data=self.data), work, _scores, [_SCORES])
        return "k-means on raw color", result

    def _step_cfg(self, step: str) -> Config:
        return step_config(self.step_cfgs[step], self.data_root, self.cfg.get("overrides", {}).get(step, {}))

    def _pretrain(self) -> StepResult:
        cfg = self._step_cfg("pretrain")
        if self.warm_start is not None:
            cfg.model.backbone.init_cfg = backbone_of(self.warm_start)
        return self._train("1_pretrain", cfg, [self.warm_start], lambda folder: _last_losses(folder, "loss", "i2i"))

    def _label(self, name: str, pretrained: StepResult | None, untrained: bool = False) -> StepResult:
        cfg = self._step_cfg("pixel_attention")
        checkpoint = None if pretrained is None else last_checkpoint(pretrained.folder)
        cfg.model.pretrained = None if checkpoint is None else str(checkpoint)
        if checkpoint is None:
            # Without step 1 the projector is random; attention learnt through a random projector means nothing.
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
        self._expect_clusters(cfg)
        return self._train(name, cfg, [checkpoint], _label_figures, [_LABEL_CHECKPOINT, "pixel_labels/manifest.json"])

    def _finetune(self, name: str, pretrained: StepResult | None, labels: StepResult) -> StepResult:
        cfg = self._step_cfg("finetune")
        checkpoint = self.warm_start if pretrained is None else last_checkpoint(pretrained.folder)
        cfg.model.backbone.init_cfg = backbone_of(checkpoint)
        cfg.train_dataloader.dataset.label_root = str(labels.folder / "pixel_labels")
        cfg.train_dataloader.dataset.num_clusters = self.num_clusters
        cfg.model.decode_head.num_classes = self.num_clusters + 1
        self._expect_clusters(cfg)
        if not self.scored:
            for part in ("dataloader", "evaluator", "cfg"):
                cfg[f"val_{part}"] = cfg[f"test_{part}"] = None
        inputs = [checkpoint, labels.folder / _LABEL_CHECKPOINT]
        return self._train(name, cfg, inputs, lambda folder: _last_losses(folder, "decode.acc_seg"))

    def _expect_clusters(self, cfg: Config) -> None:
        """There may be more or fewer clusters than categories to score them by."""
        for evaluator in ("val_evaluator", "test_evaluator"):
            if cfg.get(evaluator) is not None:
                cfg[evaluator].num_clusters = self.num_clusters

    def _train(
        self, name: str, cfg: Config, inputs: list, figures: Figures, outputs: list[str] | None = None
    ) -> StepResult:
        def work(folder: Path) -> None:
            cfg.dump(folder / "config.py")
            images = sum(is_image(path.name) for path in Path(self.data_root, "train").rglob("*"))
            iterations = cfg.train_cfg.max_epochs * images // cfg.train_dataloader.batch_size
            with self._watched(name, TrainingShare(folder, iterations)) as watch:
                arguments = [folder / "config.py", "--work-dir", folder, "--resume"]
                call_mmseg_tool("train", arguments, self._log(name), watch)

        hashes = dict(config=_text_hash(cfg), data=self.data)
        hashes |= {Path(path).name: self._weights_hash(path) for path in inputs if path is not None}
        return self.steps.run(name, hashes, work, figures, outputs or ["last_checkpoint"])

    def _test(self, name: str, trained: StepResult, checkpoint: str | None = None) -> StepResult:
        path = trained.folder / checkpoint if checkpoint else last_checkpoint(trained.folder)
        cfg = Config.fromfile(trained.folder / "config.py")

        def work(folder: Path) -> None:
            # Training left its own way to go on in the config; a test loads its checkpoint and nothing else.
            cfg.resume, cfg.load_from = False, None
            cfg.test_evaluator.update(scores_file=str(folder / _SCORES), match_file=str(folder / _MATCH))
            cfg.dump(folder / "config.py")
            with self._watched(name) as watch:
                arguments = [folder / "config.py", path, "--work-dir", folder]
                call_mmseg_tool("test", arguments, self._log(name), watch)

        hashes = dict(config=_text_hash(cfg), data=self.data, checkpoint=checkpoint_fingerprint(path))
        return self.steps.run(name, hashes, work, _scores, [_SCORES, _MATCH])

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


def _scores(folder: Path) -> dict[str, float | str]:
    scores = json.loads((folder / _SCORES).read_text())["scores"]
    return {name: scores[name] for name in ("mIoU", "Acc", "FMeasure")}


def _label_figures(folder: Path) -> dict[str, float | str]:
    manifest = json.loads((folder / "pixel_labels" / "manifest.json").read_text())
    figures = {name: manifest["clustering"][name] for name in ("nmi", "accuracy") if name in manifest["clustering"]}
    return dict(figures, threshold=manifest["threshold"]["value"])


def _last_losses(folder: Path, *names: str) -> dict[str, float | str]:
    record = last_record(folder, *names)
    return {} if record is None else {name: record[name] for name in names}
