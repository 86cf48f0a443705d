# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("compare_configs", ROOT / "tools" / "misc" / "compare_configs.py")
compare_configs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare_configs)

BASE = 'model = dict(type="Net", depth=18)\ndefault_hooks = dict(timer=dict(type="A"), logger=dict(type="B"))\n'


def write(root: Path, base: str = BASE, leaf: str = "model = dict(depth=50)\n") -> Path:
    (root / "_base_").mkdir(parents=True)
    (root / "_base_" / "net.py").write_text(base)
    (root / "pass").mkdir()
    (root / "pass" / "net_r50.py").write_text('_base_ = "../_base_/net.py"\n' + leaf)
    return root


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (dict(base=BASE + "resize = dict(scale=192)\n"), None),
        (dict(base=BASE.replace("18", "34")), None),
        (dict(leaf="model = dict(depth=101)\n"), ["model.depth: 50 -> 101"]),
        (dict(leaf="model = dict(depth=50, neck=None)\n"), ["model.neck: '(none)' -> None"]),
        (dict(leaf="model = dict(depth=50)\nsync_bn = None\n"), ["sync_bn: '(none)' -> None"]),
        (
            dict(base='model = dict(type="Net")\ndefault_hooks = dict(logger=dict(type="B"), timer=dict(type="A"))\n'),
            ["default_hooks: order ['timer', 'logger'] -> ['logger', 'timer']"],
        ),
    ],
)
def test_what_is_built_counts_and_nothing_else(changed, lines, tmp_path):
    found = compare_configs.compare(write(tmp_path / "before"), write(tmp_path / "after", **changed))
    assert found == ({} if lines is None else {"pass/net_r50.py": lines})


def test_one_value_of_a_project_config(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    schedule = tmp_path / "configs" / "_base_" / "schedules" / "larc.py"
    schedule.write_text(schedule.read_text().replace("momentum=0.9", "momentum=0.8"))
    (tmp_path / "configs" / "pass" / "new.py").write_text("model = dict()\n")
    monkeypatch.setattr(sys, "argv", ["compare_configs", str(ROOT / "configs"), str(tmp_path / "configs")])
    with pytest.raises(SystemExit) as ended:
        compare_configs.main()
    shown = capsys.readouterr().out
    assert ended.value.code == 1
    assert "pass/pass-finetune_r50_8xb32-20e_imagenets919.py\n  optim_wrapper.optimizer.momentum: 0.9 -> 0.8\n" in shown
    assert "pass/new.py\n  is in one folder only\n" in shown
    assert "semi/" not in shown
