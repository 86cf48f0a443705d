# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All steps of PASS in a row, each by mmseg's own train and test tools, with controls measured in the same run."""

import os
from functools import partial
from pathlib import Path
from typing import Literal

from mmengine.config import Config
from mmseg.registry import DATASETS

from mmluss.apis.pipeline.pipeline_config import (
    change_config,
    draft_of,
    find_step_config,
    known_controls,
    num_clusters_of,
    rounds_of,
    set_labels_to_learn,
    set_labels_to_make,
    step_config,
    without_validation,
)
from mmluss.apis.pipeline.pipeline_report import write_pipeline_report
from mmluss.apis.pipeline.raw_color import score_raw_color
from mmluss.apis.pipeline.result_panel import TestedModel, draw_result_panel
from mmluss.apis.steps.self_training import AGREEMENT, train_in_rounds
from mmluss.apis.steps.step_figures import label_figures, last_values, main_scores
from mmluss.apis.steps.step_launcher import StepLauncher
from mmluss.apis.steps.step_names import (
    FINETUNE,
    PIXEL_ATTENTION,
    PIXEL_LABELS_TEST,
    PRETRAIN,
    SUBMISSION_STEP,
    TEST,
    round_name,
)
from mmluss.apis.steps.step_screen import StepScreen
from mmluss.apis.steps.steps import StepResult, StepRunner
from mmluss.apis.steps.submission_step import SUBMISSION, submission_step
from mmluss.apis.steps.tool_steps import ToolSteps
from mmluss.apis.steps.training_folder import backbone_of, last_checkpoint
from mmluss.datasets.label_folder import LABEL_CHECKPOINT, LABEL_OUTPUTS, PIXEL_LABELS
from mmluss.evaluation.matching import MATCH_FILE
from mmluss.evaluation.scores import SCORES_FILE
from mmluss.utils.atomic_files import read_json, write_json
from mmluss.utils.fingerprints import folder_fingerprint, settings_fingerprint
from mmluss.utils.folder_lock import only_run_in
from mmluss.utils.image_files import count_images


class PASSPipeline:
    """Runs steps 1 to 4 and the controls that a pipeline config names.

    Without label maps of validation images (``DATA_ROOT/validation-segmentation``) nothing is scored: the foreground
    threshold is then Otsu's, or 0.75 for relative scores, and there are no tests, no controls and no panel.

    A pipeline config holds ``pretrain``, ``pixel_attention`` and ``finetune`` (paths of step configs, relative to the
    pipeline config, or names of configs that come with the package), ``num_clusters`` (to make; the data may have more
    or fewer categories), ``data_root``, ``rounds`` (how often step 3 is done at most, each time but the first on labels
    that the model before gives the training images; once by default), ``draft`` (what to change in the config of step 3
    in all rounds but the last, whose models only label: they are not scored),
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
        ValueError: If a control is unknown, there are no rounds, the draft is no dict, or a submission is not possible.

    Example: ::

        # Steps run in processes, which import the script that starts them.
        if __name__ == "__main__":
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
        self.controls = known_controls(cfg)
        self.rounds = rounds_of(cfg)
        self.draft = draft_of(cfg)
        # "DATA/", "./DATA" and "/HERE/DATA" are the same data, and so are the steps.
        self.data_root = os.path.abspath(data_root or cfg.data_root)
        self.steps = StepRunner(Path(work_dir).resolve())
        self.data = folder_fingerprint(self.data_root, leave_out=self.steps.work_dir)
        self.tools = ToolSteps(
            self.steps,
            self.data,
            count_images(Path(self.data_root, "train")),
            launch or StepLauncher(),
            screen,
            None if screen is None else self.steps.work_dir / "logs",
        )
        self.num_clusters = num_clusters_of(cfg)
        self.scored = Path(self.data_root, "validation-segmentation").is_dir()
        self.warm_start = Path(cfg.warm_start) if cfg.get("warm_start") else None
        if self.warm_start is not None and not self.warm_start.is_file():
            raise FileNotFoundError(
                f"warm_start checkpoint {self.warm_start} does not exist. tools/model_converters/"
                f"efficientnet_lite0_to_mmluss.py {self.warm_start} writes the one that the configs are made for; "
                "warm_start=None starts from random weights."
            )
        folder = Path(cfg.filename).parent
        self.step_cfgs = {
            step: find_step_config(folder, cfg[step], f"{cfg.filename}: step {step}: ")
            for step in ("pretrain", "pixel_attention", "finetune")
        }
        self.submission = submission_step(cfg, self._step_cfg("finetune"), self.data_root, self.num_clusters)

    def run(self) -> dict:
        """Do all steps that are not done and write the report.

        Returns:
            The report: ``steps`` (name, seconds, key figures), ``protocol``, ``miou`` by row of the comparison,
            ``rounds`` that step 3 was done, and the path of the ``submission``, where one is asked for.

        Raises:
            RuntimeError: If a step failed, or another run is at work in the folder.
        """
        with only_run_in(self.steps.work_dir):
            return self._run()

    def _run(self) -> dict:
        pretrained = self._pretrain()
        labels = self._label(PIXEL_ATTENTION, pretrained)
        label_scores = self.tools.test(PIXEL_LABELS_TEST, labels, LABEL_CHECKPOINT) if self.scored else None
        finetuned = self._finetune("3_", pretrained, labels)
        miou = {} if label_scores is None else self._scored_steps(label_scores, finetuned)
        report = dict(
            protocol=self.cfg.get("protocol", ""),
            data_root=self.data_root,
            miou=miou,
            rounds=len(finetuned),
            steps=[dict(name=step.name, seconds=step.seconds, figures=step.figures) for step in self.steps.results],
        )
        if self.submission is not None:
            report["submission"] = str(self.steps.work_dir / SUBMISSION_STEP / SUBMISSION)
        write_json(self.steps.work_dir / "report.json", report)
        return report

    def _scored_steps(self, label_scores: StepResult, finetuned: list[StepResult]) -> dict[str, float | str]:
        # Drafts only label.
        first = len(finetuned) if self.draft else 1
        tests = [
            self.tools.test(round_name(TEST, number), model)
            for number, model in enumerate(finetuned[first - 1 :], first)
        ]
        if self.submission is not None:
            self.tools.submit(self.submission, finetuned[-1], tests[-1])
        miou: dict[str, float | str] = {self._label_row: label_scores.figures["mIoU"]}
        for number, test in enumerate(tests[:-1], first):
            miou[f"fine-tuned, round {number}"] = test.figures["mIoU"]
        miou["fine-tuned (step 4)"] = tests[-1].figures["mIoU"]
        controls = dict(
            no_pretraining=self._without_pretraining, untrained=self._with_untrained, raw_color=self._by_raw_color
        )
        for control in self.controls:
            title, result = controls[control]()
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
        rounds = read_json(folder / "report.json", ["rounds"])["rounds"]
        labels, final = folder / PIXEL_ATTENTION, folder / round_name(FINETUNE, rounds)
        final_test = folder / round_name(TEST, rounds)
        return draw_result_panel(
            TestedModel(labels / "config.py", labels / LABEL_CHECKPOINT, folder / PIXEL_LABELS_TEST / MATCH_FILE),
            TestedModel(final / "config.py", last_checkpoint(final), final_test / MATCH_FILE),
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

    def _without_pretraining(self) -> tuple[str, StepResult]:
        labels = self._label("c1_no_pretraining_pixel_attention", None)
        finetuned = self._finetune("c1_no_pretraining_", None, labels)
        return "the same without step 1", self.tools.test("c1_no_pretraining_test", finetuned[-1])

    def _with_untrained(self) -> tuple[str, StepResult]:
        labels = self._label("c2_untrained_pixel_attention", None, untrained=True)
        return "pixel labels of an untrained backbone", self.tools.test("c2_untrained_test", labels, LABEL_CHECKPOINT)

    def _by_raw_color(self) -> tuple[str, StepResult]:
        cfg = self._step_cfg("pixel_attention").to_dict()
        cfgs = [dict(cfg[f"{part}_dataloader"]["dataset"], pipeline=[]) for part in ("train", "test")]

        def work(folder: Path) -> None:
            datasets = [DATASETS.build(cfg) for cfg in cfgs]
            write_json(folder / SCORES_FILE, dict(scores=score_raw_color(*datasets)))

        hashes = dict(data=self.data, config=settings_fingerprint(dict(datasets=cfgs)))
        result = self.steps.run("c3_raw_color", hashes, work, main_scores, [SCORES_FILE])
        return "k-means on raw color", result

    def _step_cfg(self, step: Literal["pretrain", "pixel_attention", "finetune"]) -> Config:
        return step_config(self.step_cfgs[step], self.data_root, self.cfg.get("overrides", {}).get(step, {}))

    def _pretrain(self) -> StepResult:
        cfg = self._step_cfg("pretrain")
        if self.warm_start is not None:
            cfg.model.backbone.init_cfg = backbone_of(self.warm_start)
        return self.tools.train(PRETRAIN, cfg, [self.warm_start], lambda folder: last_values(folder, "loss", "i2i"))

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
        set_labels_to_make(cfg, self.num_clusters, self.scored, self.step_cfgs["pixel_attention"])
        outputs = LABEL_OUTPUTS
        return self.tools.train(name, cfg, [checkpoint], label_figures, outputs)

    def _finetune(self, prefix: str, pretrained: StepResult | None, labels: StepResult) -> list[StepResult]:
        """Step 3 of each round; names of steps begin with the prefix."""
        checkpoint = self.warm_start if pretrained is None else last_checkpoint(pretrained.folder)

        def finetune(number: int, labels: StepResult, is_draft: bool = False) -> StepResult:
            cfg = self._step_cfg("finetune")
            if is_draft:
                change_config(cfg, self.draft)
            cfg.model.backbone.init_cfg = backbone_of(checkpoint)
            set_labels_to_learn(cfg, labels.folder / PIXEL_LABELS, self.num_clusters)
            if not self.scored:
                without_validation(cfg, self.data_root)
            starts = [checkpoint, labels.folder / (LABEL_CHECKPOINT if number == 1 else AGREEMENT)]
            name = round_name(f"{prefix}finetune", number)
            return self.tools.train(name, cfg, starts, lambda folder: last_values(folder, "decode.acc_seg"))

        def relabel(number: int, model: StepResult, before: StepResult) -> StepResult:
            return self.tools.relabel(round_name(f"{prefix}labels", number), model, before)

        draft = partial(finetune, is_draft=True) if self.draft else None
        return train_in_rounds(labels, self.rounds, finetune, relabel, draft)

    @property
    def _label_row(self) -> str:
        # Images to score have no saliency maps, so there the attention takes their place.
        saliency = self._step_cfg("pixel_attention").default_hooks.pseudo_labels.get("saliency_root")
        return "pixel labels (step 2)" if saliency is None else "pixel attention without saliency (step 2)"
