# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math

import pytest

from tests.helpers.small_runs import leaf_configs, run, small_config

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", leaf_configs())
def test_trains_and_tests(name, data_root, tmp_path):
    cfg = small_config(name, data_root, tmp_path)
    runner = run(cfg)
    if cfg.get("train_dataloader"):
        assert runner.iter == 1
        assert math.isfinite(runner.message_hub.get_scalar("train/loss").current())
    if cfg.get("test_dataloader"):
        assert math.isfinite(runner.message_hub.get_scalar("test/mIoU").current())
