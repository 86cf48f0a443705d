# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import mmluss  # noqa: F401


class Regressor(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, inputs, mode="tensor"):
        error = self.layer(inputs).square().mean()
        return {"loss": error} if mode == "loss" else error


class SameVector(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        return {"inputs": torch.tensor([1.0, 2.0, 3.0])}


@pytest.fixture
def weights_only_loads(monkeypatch):
    """Record each call of torch.load and make it as strict as torch >= 2.6 is of itself."""
    paths, load = [], torch.load

    def strict_load(path, *args, **kwargs):
        assert kwargs.get("weights_only") is not False
        paths.append(str(path))
        return load(path, *args, **(kwargs | {"weights_only": True}))

    monkeypatch.setattr(torch, "load", strict_load)
    return paths


def train(work_dir, iterations, **settings):
    torch.manual_seed(0)
    runner = Runner(
        Regressor(),
        work_dir=str(work_dir),
        train_dataloader={
            "batch_size": 2,
            "num_workers": 0,
            "sampler": {"type": "InfiniteSampler", "shuffle": False},
            "collate_fn": {"type": "default_collate"},
            "dataset": SameVector(),
        },
        train_cfg={"by_epoch": False, "max_iters": iterations},
        optim_wrapper={"type": "OptimWrapper", "optimizer": {"type": "SGD", "lr": 0.01, "momentum": 0.9}},
        param_scheduler=[{"type": "LinearLR", "start_factor": 0.1, "by_epoch": False, "end": 4}],
        default_hooks={
            "checkpoint": {"type": "CheckpointHook", "interval": 2, "by_epoch": False},
            "logger": {"type": "LoggerHook", "interval": 1},
        },
        default_scope="mmengine",
        experiment_name=f"{work_dir.name}-{iterations}-{bool(settings)}",
        log_level="WARNING",
        **settings,
    )
    runner.train()
    return runner


def test_resumed_run_equals_an_uninterrupted_one(tmp_path, weights_only_loads):
    whole = train(tmp_path / "whole", 4)
    train(tmp_path / "resumed", 2)
    resumed = train(tmp_path / "resumed", 4, resume=True)

    assert {Path(path).name for path in weights_only_loads} == {"iter_2.pth"}
    assert resumed.iter == 4
    torch.testing.assert_close(resumed.model.state_dict(), whole.model.state_dict(), rtol=0, atol=0)
    history = resumed.message_hub.get_scalar("train/loss").data[0]
    torch.testing.assert_close(history, whole.message_hub.get_scalar("train/loss").data[0], rtol=1e-6, atol=0)


def test_weights_of_a_checkpoint_start_another_run(tmp_path, weights_only_loads):
    first = train(tmp_path / "first", 2)
    started = train(tmp_path / "second", 0, load_from=str(tmp_path / "first" / "iter_2.pth"))
    assert weights_only_loads
    torch.testing.assert_close(started.model.state_dict(), first.model.state_dict(), rtol=0, atol=0)
