# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest
from mmengine.config import Config

from mmluss.apis.pipeline.pipeline_config import (
    change_config,
    expect_clusters,
    num_clusters_of,
    set_labels_to_make,
    step_config,
)
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


def test_dots_in_names_are_no_levels():
    cfg = Config(dict(optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=1.0))))
    keys = {"backbone.layer1": dict(lr_mult=0.1), "decode_head": dict(decay_mult=0.0)}
    change_config(cfg, dict(optim_wrapper=dict(paramwise_cfg=dict(custom_keys=keys), optimizer=dict(lr=0.5))))
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys == keys
    assert cfg.optim_wrapper.optimizer == dict(type="SGD", lr=0.5)
    change_config(cfg, {"optim_wrapper.optimizer.lr": 2.0})
    assert cfg.optim_wrapper.optimizer == dict(type="SGD", lr=2.0)


def test_empty_dicts_are_changes():
    cfg = Config(dict(model=dict(backbone=dict(depth=18))))
    change_config(cfg, dict(model=dict(train_cfg={}, backbone={})))
    assert cfg.model == dict(backbone=dict(depth=18), train_cfg={})


def test_changes_can_be_made_again():
    changes = Config(dict(step=dict(hook=dict(_delete_=True, b=[2])))).step
    for _ in range(2):
        cfg = Config(dict(hook=dict(a=1)))
        change_config(cfg, changes)
        assert cfg.hook == dict(b=[2])
        cfg.hook.b.append(3)


@pytest.mark.parametrize(
    ("base", "config", "options", "expected"),
    [
        ("num_clusters = 9", "", {}, 9),
        ("num_clusters = 9", "", dict(num_clusters=20), 20),
        ("num_categories = 9", "", {}, 9),
        ("num_categories = 9", "", dict(num_clusters=20), 20),
        ("num_clusters = 9", "", dict(num_categories=20), 20),
        ("num_clusters = 9", "num_categories = 5", {}, 5),
    ],
)
@pytest.mark.filterwarnings("ignore:.*num_categories is called num_clusters now:FutureWarning")
def test_the_name_of_the_number_of_clusters_that_came_last_counts(base, config, options, expected, tmp_path):
    (tmp_path / "base.py").write_text(f"{base}\n")
    (tmp_path / "own.py").write_text(f'_base_ = "base.py"\n{config}\n')
    cfg = Config.fromfile(tmp_path / "own.py")
    cfg.merge_from_dict(options)
    assert num_clusters_of(cfg) == expected


def test_only_metrics_that_count_clusters_are_told_of_them():
    cfg = Config(dict(val_evaluator=[dict(type="IoUMetric"), dict(type="LUSSMetric")], test_evaluator=None))
    expect_clusters(cfg, 7)
    assert cfg.val_evaluator == [dict(type="IoUMetric"), dict(type="LUSSMetric", num_clusters=7)]
    assert cfg.test_evaluator is None


@pytest.mark.filterwarnings("ignore:.*taken for entries of default_hooks:FutureWarning")
def test_hooks_in_an_old_list_read_the_data(tmp_path):
    dataset = dict(type="ImageNetSDataset", data_root="data/A")
    hook = dict(type="PseudoLabelHook", saliency_root="data/A/saliency", dataloader=dict(dataset=dataset))
    path = tmp_path / "old.py"
    path.write_text(f"train_dataloader = dict(dataset={dataset!r})\ncustom_hooks = [{hook!r}]\n")
    labels = step_config(path, "/data/B", {}).default_hooks.pseudo_labels
    assert labels.saliency_root == "/data/B/saliency" and labels.dataloader.dataset.data_root == "/data/B"


def test_places_in_lists_are_changed_by_their_number():
    cfg = Config(dict(param_scheduler=[dict(type="LinearLR", begin=0), dict(type="CosineAnnealingLR", begin=1)]))
    change_config(cfg, dict(param_scheduler={1: dict(begin=5)}))
    assert [part.begin for part in cfg.param_scheduler] == [0, 5]
