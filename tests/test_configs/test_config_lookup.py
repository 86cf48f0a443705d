# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Configs and models by names such as ``mmluss::pass/CONFIG.py``, from an installed package and another folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.small_runs import CONFIGS

ROOT = CONFIGS.parent
PREAMBLE = """
import warnings
import mmluss
from pathlib import Path
from mmengine.config import Config
from mmengine.hub import get_config, get_model
assert Path(mmluss.__file__).is_relative_to({site!r}), mmluss.__file__
"""
USER_CONFIG = """
_base_ = "mmluss::{name}"
randomness = dict(seed=7)
default_hooks = dict(prototypes=dict(freeze_iters=3))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder of installed packages that holds this one as its wheel does."""
    folder = tmp_path_factory.mktemp("site")
    ignored = shutil.ignore_patterns("__pycache__", ".mim")
    shutil.copytree(ROOT / "mmluss", folder / "mmluss", ignore=ignored)
    shutil.copytree(CONFIGS, folder / "mmluss" / ".mim" / "configs", ignore=ignored)
    shutil.copy(ROOT / "model-index.yml", folder / "mmluss" / ".mim")
    (folder / "mmluss-1.0.dist-info").mkdir()
    (folder / "mmluss-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: mmluss\nVersion: 1.0\n")
    return folder


def run_script(site: Path, folder: Path, script: str, *command: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(site), str(ROOT)])
    (folder / "script.py").write_text(PREAMBLE.format(site=str(site)) + script)
    return subprocess.run(
        [sys.executable, *(command or ["script.py"])],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_config_and_model_of_the_hub(site, tmp_path):
    done = run_script(
        site,
        tmp_path,
        """
cfg = get_config("mmluss::semi/fcn_efficientnet-lite0-d16-scratch_1xb16-40e_flowers15.py")
assert cfg.filename.startswith(str(Path(mmluss.__file__).parent / ".mim")), cfg.filename
assert cfg.model.backbone.output_stride == 16 and cfg.train_cfg.max_epochs == 40
model = get_model("mmluss::semi/fcn_efficientnet-lite0-d16-scratch_1xb16-40e_flowers15.py", pretrained=False)
assert type(model).__module__ == "mmluss.models.fine_tuning.luss_segmentor" and model.num_classes == 16
assert model.data_preprocessor.mean.flatten().tolist() == [127.0] * 3
""",
    )
    assert done.returncode == 0, done.stderr
    assert "Failed to" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("step", ["pretrain", "pixel-attention", "finetune"])
def test_user_s_config_trains(step, site, data_root, tmp_path):
    epochs = 40 if step == "pretrain" else 10
    batch = 64 if step == "pretrain" else 32
    name = f"pass/pass-{step}_r18_1xb{batch}-{epochs}e_mini-imagenets.py"
    text = USER_CONFIG.format(name=name)
    if step == "finetune":
        text = text.replace("default_hooks = dict(prototypes=dict(freeze_iters=3))", "")
    (tmp_path / "mine.py").write_text(text)
    done = run_script(
        site,
        tmp_path,
        f"""
from tests.helpers.small_runs import run, small_config
full = Config.fromfile("mine.py")
assert full.randomness.seed == 7 and full.train_cfg.max_epochs == {epochs}
cfg = small_config(str(Path("mine.py").resolve()), Path({str(data_root)!r}), Path("work"))
cfg.train_dataloader.num_workers = 1
runner = run(cfg)
assert runner.iter == 1
for hook in runner.hooks:
    if type(hook).__name__ == "PrototypeHook":
        assert hook.freeze_iters == 3
""",
    )
    assert done.returncode == 0, done.stderr
    assert "Failed to" not in done.stdout + done.stderr


@pytest.mark.slow
def test_project_s_tool_reads_a_user_s_config(site, tmp_path):
    (tmp_path / "mine.py").write_text(
        '_base_ = "mmluss::pass/pass-finetune_r18_1xb32-10e_flowers15.py"\nload_from = "no-such-file.pth"\n'
        'model = dict(backbone=dict(init_cfg=None))\ntrain_dataloader = dict(dataset=dict(data_root="no-such-data"))\n'
    )
    done = run_script(site, tmp_path, "", str(ROOT / "tools" / "train.py"), "mine.py")
    assert done.returncode != 0
    assert "no-such-data" in done.stderr and "does not support to load" not in done.stderr
