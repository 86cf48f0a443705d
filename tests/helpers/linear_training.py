# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A training of a linear layer, with the project's hooks for checkpoints and configs: three iterations take no time."""

import uuid
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

import mmluss.engine  # noqa: F401


@MODELS.register_module(force=True)
class RegressorOfATest(BaseModel):
    """Mean square of a linear layer's output."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, inputs, mode="tensor"):
        """The loss, or the mean square itself."""
        error = self.layer(inputs).square().mean()
        return {"loss": error} if mode == "loss" else error


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
