# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.helpers.linear_training import settings


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ('note = "plain"\n', True),
        ('note = dict(model="vit_base_patch16_224")\n', True),
        ("from mmengine.config import read_base\nwith read_base():\n    from .base import other\nnote = 1\n", True),
        ('_base_ = "base.py"\nnote = 1\n', False),
    ],
)
def test_a_test_leaves_the_config_of_its_folder_as_it_was(tmp_path, text, stays):
    (tmp_path / "base.py").write_text("other = 2\n")
    path = tmp_path / "config.py"
    path.write_text(text)
    cfg = Config.fromfile(path)
    cfg.changed_by_the_test = True
    names = ("model", "work_dir", "default_hooks", "default_scope", "experiment_name", "log_level")
    runner = Runner(**{name: value for name, value in settings(tmp_path).items() if name in names}, cfg=cfg)
    assert "changed_by_the_test" in path.read_text()
    runner.call_hook("before_run")
    assert (path.read_text() == text) is stays


def test_a_json_config_with_bases_is_left_to_mmengine(tmp_path):
    (tmp_path / "base.json").write_text('{"other": 2}\n')
    path = tmp_path / "config.json"
    path.write_text('{\n  "_base_": "base.json",\n  "note": 1\n}\n')
    cfg = Config.fromfile(path)
    names = ("model", "work_dir", "default_hooks", "default_scope", "experiment_name", "log_level")
    runner = Runner(**{name: value for name, value in settings(tmp_path).items() if name in names}, cfg=cfg)
    runner.call_hook("before_run")
    assert Config.fromfile(path).to_dict() | dict(other=2, note=1) == Config.fromfile(path).to_dict()
