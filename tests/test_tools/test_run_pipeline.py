# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import runpy
import signal
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.device import get_device

import mmluss.apis
from mmluss.apis.tools.mmseg_tools import config_root

TOOL = Path(__file__).parents[2] / "tools" / "run_pipeline.py"


@pytest.fixture
def run_tool(monkeypatch, tmp_path):
    """The tool, from another folder, up to where it builds the pipeline; gives that pipeline's config."""

    class Built(Exception):
        pass

    def build(cfg, work_dir, data_root, screen=None, launch=None):
        launchers.append(launch)
        raise Built(cfg, work_dir, data_root)

    def start(*arguments):
        monkeypatch.setattr(sys, "argv", ["run_pipeline.py", *arguments])
        monkeypatch.setattr(mmluss.apis, "PASSPipeline", build)
        with pytest.raises(Built) as built:
            runpy.run_path(str(TOOL), run_name="__main__")
        return built.value.args

    launchers = start.launchers = []
    monkeypatch.chdir(tmp_path)
    # The tool ends in an orderly way when it is told to, this process as it always did.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return start


@pytest.mark.parametrize("name", ["pass_r18_flowers15", "pipelines/pass_r18_flowers15.py"])
def test_config_is_found_by_name_and_its_steps_beside_it(name, run_tool):
    cfg, work_dir, data_root = run_tool(name, "--data-root", "photos")
    assert Path(cfg.filename).samefile(config_root() / "pipelines" / "pass_r18_flowers15.py")
    assert all(
        (Path(cfg.filename).parent / cfg[step]).is_file() for step in ("pretrain", "pixel_attention", "finetune")
    )
    assert (work_dir, data_root) == (Path("work_dirs/pass_r18_flowers15"), "photos")


def test_known_options_change_the_config(run_tool):
    options = ["num_clusters=4", "panel.seed=3", "overrides.finetune.train_cfg.max_epochs=2", "warm_start=a.pth"]
    cfg, *_ = run_tool("pass_r18_flowers15", "--cfg-options", *options)
    assert (cfg.num_clusters, cfg.panel.seed, cfg.panel.num_images, cfg.warm_start) == (4, 3, 8, "a.pth")
    assert cfg.overrides.finetune.train_cfg.max_epochs == 2


def test_own_keys_of_a_config_are_known(run_tool, tmp_path):
    Config(dict(note="mine")).dump(tmp_path / "mine.py")
    assert run_tool("mine.py", "--cfg-options", "note=other")[0].note == "other"


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("num_cluster=4", "did you mean 'num_clusters'"),
        ("data-root=x", "did you mean 'data_root'"),
        ("panel.images=3", r"did you mean 'panel\.num_images'"),
        ("overrides.fine_tune.a=3", r"did you mean 'overrides\.finetune'"),
        ("zzz=3", "known are controls, data_root,"),
        ("panel={}", r"name what to change below it, panel\.num_images=\.\.\."),
    ],
)
def test_unknown_option_names_the_nearest(option, hint, run_tool):
    with pytest.raises(SystemExit, match=f"{option.partition('=')[0]}.*{hint}"):
        run_tool("pass_r18_flowers15", "--cfg-options", option)


def test_unknown_config_names_similar_ones(run_tool):
    with pytest.raises(SystemExit, match=r"(?s)no config 'pass_r18_flower15'.*pipelines/pass_r18_flowers15.py"):
        run_tool("pass_r18_flower15")


def test_mixed_precision_is_for_all_trainings(run_tool):
    cfg, *_ = run_tool(
        "pass_r18_imagenets50", "--amp", "--cfg-options", "overrides.finetune.optim_wrapper.optimizer.lr=3"
    )
    wrappers = [cfg.overrides[step].optim_wrapper for step in ("pretrain", "pixel_attention", "finetune")]
    assert all((wrapper.type, wrapper.loss_scale) == ("AmpOptimWrapper", "dynamic") for wrapper in wrappers)
    assert wrappers[2].optimizer.lr == 3 and cfg.overrides.finetune.train_cfg.val_begin == 21
    assert "optim_wrapper" not in str(run_tool("pass_r18_imagenets50")[0].overrides)


def test_launcher_says_how_many_processes(run_tool, monkeypatch, capsys):
    monkeypatch.delenv("RANK", raising=False)
    run_tool("pass_r18_imagenets50")
    run_tool("pass_r18_imagenets50", "--launcher", "pytorch", "--gpus", "1")
    if get_device() == "cpu":
        run_tool("pass_r18_imagenets50", "--launcher", "pytorch", "--gpus", "3")
        assert [launcher.total_processes for launcher in run_tool.launchers] == [1, 1, 3]
        assert "No GPU here: 3 processes on CPUs, joined by gloo." in capsys.readouterr().err


def test_a_launcher_without_processes_is_an_error(run_tool):
    with pytest.raises(SystemExit, match="needs --gpus N, or to be started by torchrun"):
        run_tool("pass_r18_imagenets50", "--launcher", "pytorch")


def test_submission_can_be_left_out_or_described(run_tool):
    cfg, *_ = run_tool("pass_r18_imagenets50", "--cfg-options", "submission.name=Mine")
    assert cfg.submission.name == "Mine" and cfg.submission.networks == "ResNet-18"
    assert run_tool("pass_r18_imagenets50", "--cfg-options", "submission=None")[0].submission is None
    with pytest.raises(SystemExit, match=r"did you mean 'submission\.networks'"):
        run_tool("pass_r18_imagenets50", "--cfg-options", "submission.network=ResNet-50")
