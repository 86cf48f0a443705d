# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Kill -9 in the middle of a training step, resume, and reach the losses of an uninterrupted run."""

import os
import signal
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmluss.apis.tools.tool_processes import _run
from tests.helpers.forked_runs import final_weights, finish, losses, results, run_pipeline, start, train, wait_for

pytestmark = pytest.mark.slow

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
STEPS = ["1_pretrain", "2_pixel_attention", "3_finetune"]


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_step_resumes_exactly(step, whole, tmp_path, monkeypatch):
    cfg = Config.fromfile(whole / step / "config.py")
    (tmp_path / "kill_hook.py").write_text(KILL_HOOK)
    cfg.custom_hooks = [dict(type="KillHook")]
    cfg.custom_imports = dict(imports=["mmluss", "kill_hook"], allow_failed_imports=False)
    cfg.dump(tmp_path / "killed.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert finish(start(tmp_path / "log", train, tmp_path / "killed.py", tmp_path / "work")) == -signal.SIGKILL
    assert (tmp_path / "work" / "epoch_1.pth").is_file()
    code = finish(start(tmp_path / "log", train, whole / step / "config.py", tmp_path / "work", "--resume"))
    output = (tmp_path / "log").read_text()
    assert code == 0, output
    assert "resumed epoch: 1" in output
    expected, found = losses(whole / step), losses(tmp_path / "work")
    assert expected.keys() == found.keys() == set(range(1, 10))
    assert found == expected


def same(first: Path, second: Path) -> None:
    """Both pipelines left the same behind, to the last bit."""
    assert results(first) == results(second)
    torch.testing.assert_close(final_weights(first), final_weights(second), rtol=0, atol=0, equal_nan=True)


def test_kills_at_any_moment_of_a_pipeline_change_nothing(whole, pipeline, tmp_path, rounds):
    begun = [path.stat().st_mtime for path in whole.rglob("*") if path.is_file()]
    duration = max(begun) - min(begun)
    rng = np.random.default_rng(0)
    killed = 0
    for delay in rng.uniform(0.1, 0.5, 2 if rounds == 1 else 6 * rounds) * duration:
        process = start(tmp_path / "log", run_pipeline, pipeline, tmp_path / "work")
        process.join(delay)
        if not process.is_alive():
            break
        process.kill()
        killed += finish(process) == -signal.SIGKILL
    code = finish(start(tmp_path / "log", run_pipeline, pipeline, tmp_path / "work"))
    assert code == 0, (tmp_path / "log").read_text()
    assert killed
    same(tmp_path / "work", whole)


def _parent(log: Path) -> None:
    child = get_context("fork").Process(target=_run, args=({}, log, time.sleep, (600,)))
    child.start()
    log.with_suffix(".pid").write_text(str(child.pid))
    child.join()


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="reads /proc")
def test_a_step_ends_with_the_pipeline_that_started_it(tmp_path):
    parent = start(tmp_path / "parent.log", _parent, tmp_path / "child.log")
    wait_for(lambda: (tmp_path / "child.pid").is_file() and (tmp_path / "child.pid").read_text(), parent)
    child = int((tmp_path / "child.pid").read_text())
    assert _is_alive(child)
    os.kill(parent.pid, signal.SIGKILL)
    finish(parent)
    end = time.monotonic() + 60
    while _is_alive(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _is_alive(child)
