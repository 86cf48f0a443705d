# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
from mmengine.config import Config
from mmseg.registry import HOOKS

import mmluss.engine  # noqa: F401
from mmluss.apis.tools.named_hooks import HOOK_NAMES, name_project_hooks


def test_old_list_becomes_named_hooks():
    cfg = Config(
        dict(
            default_hooks=dict(
                prototypes=dict(type="PrototypeHook", freeze_iters=9, queue_start_epoch=4),
                collapse_warning=dict(type="CollapseWarningHook"),
            ),
            custom_hooks=[
                dict(type="PrototypeHook", freeze_iters=2),
                dict(type="EMAHook"),
                dict(type="PseudoLabelHook", num_clusters=5),
            ],
        )
    )
    with pytest.warns(FutureWarning, match=r"default_hooks.prototypes .*default_hooks.pseudo_labels"):
        name_project_hooks(cfg)
    assert cfg.default_hooks == dict(
        prototypes=dict(type="PrototypeHook", freeze_iters=2),
        collapse_warning=dict(type="CollapseWarningHook"),
        pseudo_labels=dict(type="PseudoLabelHook", num_clusters=5),
    )
    assert cfg.custom_hooks == [dict(type="EMAHook")]


def test_others_hooks_stay_without_a_warning(recwarn):
    cfg = Config(dict(custom_hooks=[dict(type="EMAHook")]))
    name_project_hooks(cfg)
    assert not recwarn and cfg.custom_hooks == [dict(type="EMAHook")] and "default_hooks" not in cfg


def test_every_named_hook_exists():
    assert all(HOOKS.get(name) is not None for name in HOOK_NAMES)
