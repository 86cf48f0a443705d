# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""``WholeCheckpointHook``: what a training goes on from that has a ``load_from``."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mmluss.engine.hooks import WholeCheckpointHook
from tests.helpers.linear_training import train


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


@pytest.mark.parametrize("address", ["https://x.org/a.pth", "torchvision://resnet18"])
def test_an_address_is_in_no_folder(tmp_path, monkeypatch, address):
    train(tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    runner = SimpleNamespace(_resume=True, _load_from=address, work_dir=".")
    WholeCheckpointHook().before_run(runner)
    assert runner._load_from is None
