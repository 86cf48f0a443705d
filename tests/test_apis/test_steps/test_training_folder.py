# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import io
import json

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from rich.console import Console

from mmluss.apis.steps.step_screen import FileShare, StepScreen, TrainingShare
from mmluss.apis.steps.training_folder import (
    backbone_of,
    config_for_test,
    last_checkpoint,
    last_record,
    training_records,
    write_predictions_only,
)

FIRST = [dict(step=1, loss=3.0), dict(step=2, loss=2.0), dict(step=2, mIoU=40.0)]
SECOND = [dict(step=2, loss=2.5), dict(step=3, lr=0.1)]


@pytest.fixture
def folder(tmp_path):
    """Two attempts; the last line of the first was cut off, and the third wrote nothing yet."""
    for attempt, text in (
        ("20260101_000000", "".join(json.dumps(record) + "\n" for record in FIRST) + '{"step": 3, "lo'),
        ("20260102_000000", "".join(json.dumps(record) + "\n" for record in SECOND)),
        ("20260103_000000", ""),
    ):
        (tmp_path / attempt / "vis_data").mkdir(parents=True)
        (tmp_path / attempt / "vis_data" / "scalars.json").write_text(text)
    return tmp_path


def test_records_of_all_attempts_come_in_order(folder):
    assert list(training_records(folder)) == FIRST + SECOND
    assert list(training_records(folder, newest_first=True)) == (FIRST + SECOND)[::-1]
    assert list(training_records(folder / "nowhere")) == []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [((), SECOND[1]), (("loss",), SECOND[0]), (("step", "mIoU"), FIRST[2]), (("loss", "mIoU"), None)],
)
def test_last_record_has_all_keys(folder, keys, expected):
    assert last_record(folder, *keys) == expected


def test_share_of_a_training(folder):
    assert TrainingShare(folder, 12)() == 0.25
    # After a validation, whose step is the epoch.
    path = folder / "20260103_000000" / "vis_data" / "scalars.json"
    path.write_text(json.dumps(dict(step=1, mIoU=40.0)) + "\n")
    assert TrainingShare(folder, 12)() == 0.25
    assert TrainingShare(folder / "nowhere", 12)() == 0


def test_share_of_files(tmp_path):
    assert FileShare(tmp_path / "nowhere", 4)() == 0
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").touch()
    assert FileShare(tmp_path, 4)() == 0.25


def test_last_checkpoint_is_found_where_the_folder_was_moved(tmp_path):
    (tmp_path / "last_checkpoint").write_text("elsewhere/epoch_3.pth\n")
    (tmp_path / "epoch_3.pth").touch()
    assert last_checkpoint(tmp_path) == last_checkpoint(str(tmp_path)) == tmp_path / "epoch_3.pth"


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no finished training: last_checkpoint is not in it"):
        last_checkpoint(tmp_path)
    (tmp_path / "last_checkpoint").write_text("epoch_3.pth")
    with pytest.raises(FileNotFoundError, match=r"epoch_3\.pth is gone"):
        last_checkpoint(tmp_path)


def test_backbone_of_a_whole_model(tmp_path):
    cfg = dict(type="mmseg.ResNet", depth=18, base_channels=4, stem_channels=4)
    backbone = MODELS.build(cfg)
    state = {f"backbone.{name}": value for name, value in backbone.state_dict().items()}
    state["backbone.conv1.weight"] = torch.full_like(state["backbone.conv1.weight"], 0.25)
    torch.save(dict(state_dict=state | {"decode_head.weight": torch.zeros(1)}), tmp_path / "model.pth")
    started = MODELS.build(cfg | dict(init_cfg=backbone_of(tmp_path / "model.pth")))
    started.init_weights()
    assert started.state_dict()["conv1.weight"].eq(0.25).all()
    assert backbone_of(None) is None


def test_a_test_loads_nothing_but_its_checkpoint(tmp_path):
    Config(dict(resume=True, load_from="other.pth", model=dict(type="a"))).dump(tmp_path / "config.py")
    cfg = config_for_test(tmp_path)
    assert (cfg.resume, cfg.load_from, cfg.model.type) == (False, None, "a")


@pytest.mark.parametrize(("split", "expected"), [("train-full", "train-full"), (None, "validation")])
def test_predictions_are_written_and_nothing_is_scored(tmp_path, split, expected):
    dataset = dict(type="ImageNetSDataset", data_root="photos", split="validation")
    cfg = Config(dict(test_dataloader=dict(dataset=dataset), test_evaluator=dict(type="a", scores_file="scores.json")))
    write_predictions_only(cfg, tmp_path / "labels", split)
    assert cfg.test_dataloader.dataset == dict(dataset, split=expected, label_root=False)
    assert cfg.test_evaluator == dict(type="LUSSMetric", format_only=True, output_dir=str(tmp_path / "labels"))


def test_a_step_has_a_line_that_is_full_once_it_ended_well():
    screen = StepScreen(Console(file=io.StringIO()))
    share = 0.25
    with screen:
        with screen.step("first", lambda: share) as update:
            update()
            assert screen.progress.tasks[0].completed == 0.25
            share = 1.0
            update()
            assert screen.progress.tasks[0].completed == 0.99
        assert screen.progress.tasks[0].completed == 1
        with pytest.raises(RuntimeError), screen.step("second"):
            raise RuntimeError
        assert [task.description for task in screen.progress.tasks] == ["first", "second"]
        assert screen.progress.tasks[1].completed == 0
