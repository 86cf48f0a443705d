# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
from types import SimpleNamespace

import pytest
import torch
from mmcv.cnn.rfsearch import Conv2dRFSearchOp

from mmluss.engine.hooks import ResumableRFSearchHook
from mmluss.models.rf_convnext import RFConvNeXt

SEARCH = dict(
    step=0, max_step=9, search_interval=2, exp_rate=0.5, init_alphas=0.01, mmin=1, mmax=8, num_branches=2, skip_layer=[]
)


def start(work_dir, resume=False):
    torch.manual_seed(0)
    arch = dict(depths=[1, 1, 1, 1], channels=[4, 4, 8, 8])
    backbone = RFConvNeXt(mode="search", search=SEARCH, arch=arch, gap_before_final_norm=False)
    backbone.eval()
    hook = ResumableRFSearchHook("search", config=dict(search=dict(SEARCH)), verbose=False)
    model = torch.nn.ModuleDict({"backbone": backbone})
    return hook, SimpleNamespace(model=model, work_dir=str(work_dir), _resume=resume, _load_from=None)


def learn(runner, epoch):
    """What training does to the weights of the branches."""
    generator = torch.Generator().manual_seed(epoch)
    for module in runner.model.modules():
        if isinstance(module, Conv2dRFSearchOp):
            module.branch_weights.data = torch.rand(2, generator=generator) ** 4


def train(hook, runner, epochs):
    for epoch in epochs:
        learn(runner, epoch)
        hook.after_train_epoch(runner)


def test_a_resumed_search_finds_the_same(tmp_path):
    hook, whole = start(tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    (tmp_path / "resumed").mkdir()
    train(hook, whole, range(3))
    checkpoint = dict(state_dict={name: value.clone() for name, value in whole.model.state_dict().items()})
    hook.before_save_checkpoint(whole, checkpoint)
    torch.save(checkpoint, tmp_path / "checkpoint.pth")
    train(hook, whole, range(3, 8))

    hook, resumed = start(tmp_path / "resumed", resume=True)
    checkpoint = torch.load(tmp_path / "checkpoint.pth", weights_only=True)
    hook.after_load_checkpoint(resumed, checkpoint)
    resumed.model.load_state_dict(checkpoint["state_dict"])
    train(hook, resumed, range(3, 8))

    images = torch.rand(1, 3, 64, 64)
    for expected, found in zip(whole.model["backbone"](images), resumed.model["backbone"](images), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    files = [path.name for path in sorted((tmp_path / "resumed").iterdir())]
    assert files == [
        "local_search_config_step4.json",
        "local_search_config_step6.json",
        "local_search_config_step8.json",
    ]
    for name in files:
        expected, found = (json.loads((tmp_path / run / name).read_text()) for run in ("whole", "resumed"))
        assert found == expected
    assert len(set(map(tuple, found["structure"].values())) | {(1, 1)}) > 1


def test_a_checkpoint_without_a_search_cannot_be_resumed(tmp_path):
    hook, runner = start(tmp_path, resume=True)
    with pytest.raises(ValueError, match="not of this search"):
        hook.after_load_checkpoint(runner, dict(state_dict={}))


def test_a_start_from_other_weights_is_left_alone(tmp_path):
    hook, runner = start(tmp_path)
    hook.after_load_checkpoint(runner, dict(state_dict={}))
    assert hook.config["search"]["step"] == 0
