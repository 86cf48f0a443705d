# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import uuid

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from mmluss.apis.steps.label_run import build_label_run
from tests.helpers.small_runs import small_config, write_data

pytestmark = pytest.mark.slow


def weights(path):
    return torch.load(path, map_location="cpu", weights_only=True)["state_dict"]


@pytest.mark.parametrize("update_buffers", [False, True])
@pytest.mark.parametrize("place", ["custom_hooks", "default_hooks"])
def test_labels_of_an_average_are_those_of_its_training(tmp_path, update_buffers, place):
    write_data(tmp_path)
    cfg = small_config("pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py", tmp_path, tmp_path / "trained")
    ema = dict(type="EMAHook", momentum=0.4, update_buffers=update_buffers)
    cfg[place] = [ema] if place == "custom_hooks" else dict(cfg.default_hooks, ema=ema)
    cfg.train_dataloader.batch_size = 2
    trained = Runner.from_cfg(cfg)
    trained.train()
    cfg.experiment_name = uuid.uuid4().hex
    runner, hook = build_label_run(cfg, tmp_path / "trained" / "epoch_1.pth", tmp_path / "again")
    assert not any(isinstance(one, EMAHook) for one in runner.hooks)
    hook.write_labels(runner)
    found, expected = (weights(tmp_path / name / "pixel_labels.pth") for name in ("again", "trained"))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    last = trained.model.state_dict()["prototypes.weight"]
    assert not torch.equal(found["prototypes.weight"], last)
    labels = sorted((tmp_path / "trained" / "pixel_labels").glob("*/*.png"))
    for path in labels:
        assert (tmp_path / "again" / path.relative_to(tmp_path / "trained")).read_bytes() == path.read_bytes()
    assert len(labels) == 4
