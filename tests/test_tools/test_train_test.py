# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
import runpy
import subprocess
import sys
from pathlib import Path

import mmseg
import pytest

from mmluss.apis.tools.mmseg_tools import config_root, find_config, run_mmseg_tool

TOOLS = Path(__file__).parents[2] / "tools"
INSTALLED_TOOLS = Path(mmseg.__file__).parent / ".mim" / "tools"


@pytest.fixture
def root(tmp_path):
    for name in ("pass/step-one.py", "pass/step-two.py", "semi/step-two.py", "_base_/step-base.py", "notes.md"):
        path = tmp_path / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "configs"


@pytest.fixture
def started(monkeypatch):
    """What run_mmseg_tool starts, instead of starting it: [(script, arguments)]."""
    calls = []
    monkeypatch.setattr(sys, "argv", ["tool"])
    monkeypatch.setattr(runpy, "run_path", lambda path, run_name: calls.append((Path(path), sys.argv[1:])))
    return calls


@pytest.mark.parametrize("name", ["step-one", "step-one.py", "pass/step-one.py", "configs/pass/step-one.py"])
def test_config_is_found_by_name(root, name):
    assert find_config(name, root) == root / "pass" / "step-one.py"


def test_existing_path_comes_before_a_name(root, tmp_path, monkeypatch):
    (tmp_path / "step-one.py").touch()
    monkeypatch.chdir(tmp_path)
    assert find_config("step-one.py", root) == Path("step-one.py")


def test_unknown_config_names_similar_ones(root):
    with pytest.raises(FileNotFoundError, match=r"(?s)no config 'step-won.py'.*\n  pass/step-one.py"):
        find_config("step-won.py", root)


def test_ambiguous_name_lists_the_candidates(root):
    with pytest.raises(ValueError, match=r"called 'step-two'.*\n  pass/step-two.py\n  semi/step-two.py"):
        find_config("step-two", root)


def test_packaged_configs_are_found():
    assert config_root().is_dir()
    assert find_config("default_runtime", config_root()).name == "default_runtime.py"


@pytest.mark.parametrize("tool", ["train", "test"])
def test_installed_tool_gets_the_config_s_path(tool, started):
    run_mmseg_tool(tool, ["default_runtime.py", "--cfg-options", "a=b.py"])
    [(script, arguments)] = started
    assert script.samefile(INSTALLED_TOOLS / f"{tool}.py")
    assert Path(arguments[0]).is_file() and arguments[1:] == ["--cfg-options", "a=b.py"]


def test_config_is_found_behind_options(started):
    run_mmseg_tool("train", ["--work-dir", "somewhere", "default_runtime.py", "--amp"])
    [(_, arguments)] = started
    assert arguments[:2] == ["--work-dir", "somewhere"] and Path(arguments[2]).is_file()


@pytest.mark.parametrize("tool", ["train", "test"])
def test_unknown_config_ends_with_the_message_alone(tool, started):
    with pytest.raises(SystemExit, match=r"There is no config 'no-such-config\.py'"):
        run_mmseg_tool(tool, ["no-such-config.py"])
    assert not started


@pytest.mark.parametrize("tool", ["train", "test"])
def test_hook_from_an_old_list_and_by_name_is_refused(tool, started, tmp_path):
    base = find_config("pass-pretrain_r18_1xb64-40e_flowers15")
    config = tmp_path / "old.py"
    config.write_text(
        f'_base_ = "{base}"\ncustom_hooks = [dict(type="EpochSeedHook"), dict(type="PrototypeHook", freeze_iters=7)]\n'
    )
    with pytest.raises(SystemExit, match=r"old\.py: PrototypeHook .* default_hooks\.prototypes"):
        run_mmseg_tool(tool, [str(config)])
    assert not started
    config.write_text(f'_base_ = "{base}"\ncustom_hooks = [dict(type="EpochSeedHook"), dict(type="EMAHook")]\n')
    run_mmseg_tool(tool, [str(config)])
    assert len(started) == 1


def test_missing_tools_of_mmseg_are_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(mmseg, "__file__", str(tmp_path / "mmseg" / "__init__.py"))
    with pytest.raises(SystemExit, match="install its wheel"):
        run_mmseg_tool("train", ["default_runtime.py"])


@pytest.mark.slow
def test_wrapper_runs_from_any_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(TOOLS / "train.py"), "no-such-config.py"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("There is no config 'no-such-config.py'")


@pytest.mark.parametrize(
    ("script", "arguments"), [("dist_train.sh", ["config.py"]), ("dist_test.sh", ["config.py", "1"])]
)
def test_distributed_scripts_tell_their_usage(script, arguments):
    done = subprocess.run(["bash", str(TOOLS / script), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("Usage: bash")


@pytest.mark.parametrize(
    ("script", "arguments", "expected"),
    [
        ("dist_train.sh", ["c.py", "3", "--amp"], "train.py c.py --launcher pytorch --amp"),
        ("dist_test.sh", ["c.py", "c.pth", "3", "--out", "o"], "test.py c.py c.pth --launcher pytorch --out o"),
    ],
)
def test_distributed_scripts_start_one_process_a_gpu(script, arguments, expected, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", str(TOOLS / script), *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "-m torch.distributed.run" in done.stdout and "--nproc_per_node=3" in done.stdout
    assert done.stdout.strip().endswith(expected)
