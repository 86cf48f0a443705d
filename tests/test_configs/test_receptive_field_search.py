# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math

import pytest
from mmengine.config import Config

from tests.helpers.small_runs import CONFIGS, run, small_config

NAME = "semi/fcn_rf-convnext-t-{mode}_8xb32-100e_imagenets50.py"


@pytest.fixture(scope="module")
def search(data_root, tmp_path_factory):
    """Work folder of a search that has updated the dilations once."""
    folder = tmp_path_factory.mktemp("search")
    cfg = small_config(NAME.format(mode="search"), data_root, folder)
    cfg.train_cfg.max_epochs = 2
    for settings in (cfg.model.backbone.search, cfg.default_hooks.rf_search.config.search):
        settings.search_interval = 1
        settings.max_step = 3
    run(cfg)
    return folder


@pytest.mark.parametrize("mode", ["single", "multiple", "merge"])
def test_result_of_a_search_is_trained(mode, search, data_root, tmp_path):
    cfg = small_config(NAME.format(mode=mode), data_root, tmp_path)
    cfg.model.backbone.structure_file = str(search / "local_search_config_step2.json")
    cfg.load_from = str(search / "epoch_2.pth")
    runner = run(cfg)
    assert math.isfinite(runner.message_hub.get_scalar("train/loss").current())


def test_default_structure_file_is_where_the_search_leaves_it():
    for subset in (50, 300, 919):
        name = f"fcn_rf-convnext-t-{{}}_8xb32-100e_imagenets{subset}"
        search_settings = Config.fromfile(CONFIGS / f"semi/{name.format('search')}.py").rf_search
        last = max(
            step
            for step in range(1, 101)
            if step % search_settings.search_interval == 0 and step < search_settings.max_step
        )
        for mode in ("single", "multiple", "merge"):
            backbone = Config.fromfile(CONFIGS / f"semi/{name.format(mode)}.py").model.backbone
            expected = f"work_dirs/{name.format('search')}/local_search_config_step{last}.json"
            assert backbone.structure_file == expected
