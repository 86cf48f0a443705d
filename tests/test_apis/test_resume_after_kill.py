# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Kill -9 in the middle of each training step, resume, and reach the losses of an uninterrupted run."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmluss.datasets.label_codec import write_label_map

pytestmark = pytest.mark.slow

TRAIN = Path(__file__).resolve().parents[2] / "tools" / "train.py"
KILL_HOOK = """
import os, signal
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

@HOOKS.register_module()
class KillHook(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 4:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def start(config, work_dir, *options):
    command = [sys.executable, str(TRAIN), str(config), "--work-dir", str(work_dir), *options]
    path = [str(Path(config).parent), os.environ.get("PYTHONPATH", "")]
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=os.pathsep.join(path))
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def losses(work_dir):
    """Loss of each iteration; where one was repeated, the last."""
    records = {}
    for log in sorted(Path(work_dir).glob("*/vis_data/scalars.json")):
        for line in log.read_text().splitlines():
            record = json.loads(line)
            if "loss" in record:
                records[record["step"]] = record["loss"]
    return records


def pixel_labels(data_root, folder):
    for path in Path(data_root, "train").rglob("*.JPEG"):
        target = Path(folder, path.parent.name, f"{path.stem}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        labels = (cv2.imread(str(path)).max(axis=2) > 150).astype(np.uint16)
        write_label_map(target, labels)


@pytest.mark.parametrize("step", ["pretrain", "pixel_attention", "finetune"])
def test_a_killed_step_resumes_exactly(step, tiny_configs, tiny_data, tmp_path):
    cfg = Config.fromfile(tiny_configs[step])
    if step == "finetune":
        pixel_labels(tiny_data, tmp_path / "labels")
        cfg.train_dataloader.dataset.label_root = str(tmp_path / "labels")
    cfg.dump(tmp_path / "plain.py")
    (tmp_path / "kill_hook.py").write_text(KILL_HOOK)
    cfg.custom_hooks = [dict(type="KillHook")]
    cfg.custom_imports = dict(imports=["mmluss", "kill_hook"], allow_failed_imports=False)
    cfg.dump(tmp_path / "killed.py")

    runs = [start(tmp_path / "plain.py", tmp_path / "whole"), start(tmp_path / "killed.py", tmp_path / "resumed")]
    (whole_code, whole_output), (killed_code, killed_output) = map(finish, runs)
    assert whole_code == 0, whole_output
    assert killed_code == -signal.SIGKILL, killed_output
    code, output = finish(start(tmp_path / "plain.py", tmp_path / "resumed", "--resume"))
    assert code == 0, output
    assert "resumed epoch: 1" in output

    expected, found = losses(tmp_path / "whole"), losses(tmp_path / "resumed")
    assert expected.keys() == found.keys() == set(range(1, 10))
    assert found == expected
