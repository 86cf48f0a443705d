# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest
from mmengine.config import Config

from mmluss.apis.pipeline.pipeline_config import set_labels_to_make, step_config
from tests.helpers.small_runs import CONFIGS


@pytest.mark.parametrize("path", sorted((CONFIGS / "pipelines").glob("*.py")), ids=lambda path: path.stem)
def test_the_last_epoch_of_step_3_is_scored_by_the_test_alone(path):
    cfg = Config.fromfile(path)
    step = step_config(path.parent / cfg.finetune, "/elsewhere", cfg.overrides.finetune)
    assert step.train_cfg.val_begin == step.train_cfg.max_epochs + 1


@pytest.mark.parametrize(
    ("config", "scored", "threshold"),
    [
        ("pass/pass-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py", True, "val"),
        ("pass/pass-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py", False, "otsu"),
        ("pass-sharp/pass-sharp-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py", True, "val"),
        ("pass-sharp/pass-sharp-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py", False, 0.75),
    ],
)
def test_threshold_without_masks_suits_the_scores(config, scored, threshold):
    cfg = Config.fromfile(CONFIGS / config)
    set_labels_to_make(cfg, 4, scored, Path(config))
    hook = cfg.default_hooks.pseudo_labels
    assert (hook.get("threshold", "val"), hook.num_clusters, cfg.test_evaluator.num_clusters) == (threshold, 4, 4)


def test_a_threshold_of_the_users_stays():
    cfg = Config.fromfile(CONFIGS / "pass-sharp/pass-sharp-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py")
    cfg.default_hooks.pseudo_labels.threshold = 0.6
    set_labels_to_make(cfg, 4, False, Path("sharp.py"))
    assert cfg.default_hooks.pseudo_labels.threshold == 0.6
