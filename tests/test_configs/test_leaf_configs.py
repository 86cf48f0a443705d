# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import ast
import math
from pathlib import Path

import pytest
from mmengine.config import Config

from tests.helpers.small_runs import CONFIGS, leaf_configs, run, small_config

MOST_LEVELS = 2
"""Files below a leaf that a reader opens one after the other to know all of it."""


def levels(config: Path) -> int:
    nodes = (node for node in ast.parse(config.read_text()).body if isinstance(node, ast.Assign))
    bases = [ast.literal_eval(node.value) for node in nodes if ast.unparse(node.targets[0]) == "_base_"]
    names = [name for base in bases for name in ([base] if isinstance(base, str) else base)]
    return max((1 + levels(config.parent / name) for name in names), default=0)


def test_bases_are_few_levels_deep():
    found = {path: levels(path) for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts}
    assert max(found.values()) > 1
    assert not {path: number for path, number in found.items() if number > MOST_LEVELS}


@pytest.mark.parametrize("name", leaf_configs())
def test_unused_parameters_are_named_where_the_runner_looks(name):
    cfg = Config.fromfile(CONFIGS / name)
    assert "find_unused_parameters" not in cfg, "with a model_wrapper_cfg the runner reads only what is in that"


@pytest.mark.slow
@pytest.mark.parametrize("name", leaf_configs())
def test_trains_and_tests(name, data_root, tmp_path):
    cfg = small_config(name, data_root, tmp_path)
    runner = run(cfg)
    if cfg.get("train_dataloader"):
        assert runner.iter == 1
        assert math.isfinite(runner.message_hub.get_scalar("train/loss").current())
    if cfg.get("test_dataloader"):
        assert math.isfinite(runner.message_hub.get_scalar("test/mIoU").current())
