# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

from mmluss.engine.hooks import SavedConfigHook


@pytest.fixture(autouse=True)
def _model():
    @MODELS.register_module()
    class RegressorOfATest(BaseModel):
        def __init__(self, note=None):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, inputs, mode="tensor"):
            error = self.layer(inputs).square().mean()
            return {"loss": error} if mode == "loss" else error

    yield
    MODELS.module_dict.pop("RegressorOfATest")


def settings(work_dir: Path, epochs: int = 1, **others) -> dict:
    dataset = [dict(inputs=torch.tensor([1.0, 2.0, 3.0]))] * 4
    hooks = dict(
        checkpoint=dict(type="mmseg.WholeCheckpointHook", interval=1), saved_config=dict(type="mmseg.SavedConfigHook")
    )
    return dict(
        model=dict(type="RegressorOfATest"),
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            dataset=dataset,
            sampler=dict(type="DefaultSampler", shuffle=False),
            collate_fn=dict(type="default_collate"),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.01, momentum=0.9)),
        default_hooks=hooks,
        default_scope="mmengine",
        experiment_name=uuid.uuid4().hex,
        log_level="ERROR",
        **others,
    )


def train(work_dir: Path, **others) -> Runner:
    runner = Runner(**settings(work_dir, **others), cfg=Config(dict(resume=others.get("resume", False))))
    runner.epochs = []
    train_epoch = runner.train_loop.run_epoch
    runner.train_loop.run_epoch = lambda: (runner.epochs.append(runner.epoch), train_epoch())
    runner.train()
    return runner


@pytest.fixture
def start(tmp_path) -> Path:
    """A checkpoint of the third epoch of another training."""
    train(tmp_path / "start", epochs=3)
    return tmp_path / "start" / "epoch_3.pth"


def test_the_first_weights_are_no_training_to_go_on_with(start, tmp_path):
    """The run that resumes is the one in the work folder."""
    assert train(tmp_path / "run", epochs=2, load_from=str(start)).epochs == [0, 1]
    resumed = train(tmp_path / "run", epochs=4, load_from=str(start), resume=True)
    assert resumed.epochs == [2, 3]
    whole = train(tmp_path / "whole", epochs=4, load_from=str(start))
    assert torch.equal(resumed.model.layer.weight, whole.model.layer.weight)


@pytest.mark.parametrize("pointer", ["", "/moved/from/epoch_1.pth"])
def test_a_pointer_to_nothing_does_not_start_the_training_over(start, tmp_path, pointer):
    train(tmp_path / "run")
    (tmp_path / "run" / "last_checkpoint").write_text(pointer)
    assert train(tmp_path / "run", epochs=2, load_from=str(start), resume=True).epochs == [1]


def test_a_checkpoint_of_the_run_is_one_to_go_back_to(tmp_path):
    train(tmp_path / "run", epochs=3)
    back = train(tmp_path / "run", epochs=3, load_from=str(tmp_path / "run" / "epoch_1.pth"), resume=True)
    assert back.epochs == [1, 2]


@pytest.mark.parametrize("emptied", [True, False])
def test_another_run_goes_on_in_a_new_folder(start, tmp_path, emptied):
    """As mmengine has it."""
    if emptied:
        train(tmp_path / "run")
        (tmp_path / "run" / "epoch_1.pth").unlink()
        (tmp_path / "run" / "pixel_labels.pth").touch()
    assert train(tmp_path / "run", epochs=5, load_from=str(start), resume=True).epochs == [3, 4]


def test_without_first_weights_it_resumes_as_ever(tmp_path):
    train(tmp_path / "run")
    assert train(tmp_path / "run", epochs=2, resume=True).epochs == [1]


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


@pytest.mark.parametrize("address", ["https://x.org/a.pth", "torchvision://resnet18"])
def test_an_address_is_in_no_folder(tmp_path, monkeypatch, address):
    train(tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    runner = SimpleNamespace(_resume=True, _load_from=address, work_dir=".")
    SavedConfigHook._go_on(runner)
    assert runner._load_from is None
