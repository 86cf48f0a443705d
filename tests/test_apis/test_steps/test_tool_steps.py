# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json

import pytest
import torch
from mmengine.config import Config

from mmluss.apis.steps.steps import StepResult, StepRunner
from mmluss.apis.steps.tool_steps import ToolSteps


class Launch:
    """Writes some of the files of a step, whatever it is told to run."""

    def __init__(self, written, processes=1):
        self.written = written
        self.total_processes = processes
        self.calls = []

    def __call__(self, tool, arguments, log, watch):
        self.calls.append(tool)
        folder = arguments[2] if tool == "train" else arguments[-1]
        for name in self.written:
            (folder / name).write_text('{"scores": {"mIoU": 1, "Acc": 2, "FMeasure": 3}}')


@pytest.fixture
def trained(tmp_path):
    folder = tmp_path / "work" / "3_finetune"
    folder.mkdir(parents=True)
    (folder / "config.py").write_text('test_evaluator = dict(type="LUSSMetric")\n')
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), folder / "epoch_1.pth")
    (folder / "last_checkpoint").write_text("epoch_1.pth")
    return StepResult("3_finetune", folder, 0.0)


def tools(tmp_path, written, processes=1):
    return ToolSteps(StepRunner(tmp_path / "work"), "data", 4, Launch(written, processes))


@pytest.mark.parametrize("missing", ["scores.json", "match.json"])
def test_a_test_leaves_scores_and_matching(trained, tmp_path, missing):
    names = {"scores.json", "match.json"}
    with pytest.raises(FileNotFoundError, match=f"4_test ended without {missing}"):
        tools(tmp_path, names - {missing}).test("4_test", trained)
    assert tools(tmp_path, names).test("4_test", trained).figures["mIoU"] == 1
    # One that is gone is made again.
    (tmp_path / "work" / "4_test" / missing).unlink()
    assert tools(tmp_path, names).test("4_test", trained).figures["mIoU"] == 1
    assert (tmp_path / "work" / "4_test" / missing).is_file()


def test_names_in_a_checkpoint_do_not_count_its_weights_do(trained, tmp_path):
    """Of one that a step wrote; of any other file the bytes count."""
    cfg = tools(tmp_path, ())
    inside, outside = trained.folder / "epoch_1.pth", tmp_path / "start.pth"
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), outside)
    before = cfg._hashes(Config(), inside, outside, None)
    for path in (inside, outside):
        torch.save(dict(state_dict=dict(weight=torch.ones(2)), meta=dict(name="fur")), path)
    after = cfg._hashes(Config(), inside, outside, None)
    assert after["epoch_1.pth"] == before["epoch_1.pth"] and after["start.pth"] != before["start.pth"]
    torch.save(dict(state_dict=dict(weight=torch.zeros(2))), inside)
    assert cfg._hashes(Config(), inside)["epoch_1.pth"] != before["epoch_1.pth"]


TRAINING = dict(train_dataloader=dict(batch_size=2), train_cfg=dict(max_epochs=1))


def test_another_number_of_processes_trains_anew(tmp_path):
    """Batches are those of a process."""
    counts = []
    for processes in (1, 1, 8, 8):
        steps = tools(tmp_path, ["last_checkpoint"], processes)
        steps.train("1_pretrain", Config(TRAINING), [])
        counts.append(len(steps.launch.calls))
    assert counts == [1, 0, 1, 0]


def write_labels(folder, **changes):
    """What step 2 leaves of its label maps, and the same weights each time."""
    manifest = dict(
        settings=dict(num_clusters=3, num_workers=4, writers=4),
        model=dict(refine=None),
        clustering=dict(images_of_cluster=[1, 2], seconds=1.0),
        labels=dict(pixels_of_label=[5, 6], reused=0, seconds=2.0),
        images=3,
    )
    for part, values in changes.items():
        manifest[part] |= values
    (folder / "pixel_labels").mkdir(parents=True, exist_ok=True)
    (folder / "pixel_labels" / "manifest.json").write_text(json.dumps(manifest))
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), folder / "pixel_labels.pth")


@pytest.mark.parametrize(
    ("changes", "trains"),
    [
        (dict(settings=dict(num_workers=0, writers=1), labels=dict(reused=2, seconds=9.0)), False),
        (dict(clustering=dict(seconds=7.0)), False),
        (dict(model=dict(refine=dict(type="GrabCut"))), True),
        (dict(labels=dict(pixels_of_label=[6, 5])), True),
    ],
)
def test_other_label_maps_of_the_same_model_train_anew(tmp_path, changes, trains):
    folder = tmp_path / "work" / "2_pixel_attention"
    write_labels(folder)
    steps = tools(tmp_path, ["last_checkpoint"])
    steps.train("3_finetune", Config(TRAINING), [folder / "pixel_labels.pth"])
    write_labels(folder, **changes)
    steps.train("3_finetune", Config(TRAINING), [folder / "pixel_labels.pth"])
    assert len(steps.launch.calls) == 1 + trains


def test_a_model_from_elsewhere_needs_no_label_maps_beside_it(tmp_path):
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), tmp_path / "pixel_labels.pth")
    steps = tools(tmp_path, ["last_checkpoint"])
    steps.train("1_pretrain", Config(TRAINING), [tmp_path / "pixel_labels.pth"])
    assert steps.launch.calls == ["train"]


def test_metrics_of_other_kinds_write_no_scores(trained, tmp_path):
    (trained.folder / "config.py").write_text('test_evaluator = [dict(type="IoUMetric"), dict(type="LUSSMetric")]\n')
    tools(tmp_path, ["scores.json", "match.json"]).test("4_test", trained)
    other, own = Config.fromfile(tmp_path / "work" / "4_test" / "config.py").test_evaluator
    assert other == dict(type="IoUMetric")
    assert own.scores_file.endswith("4_test/scores.json") and own.match_file.endswith("4_test/match.json")


def test_only_a_training_that_is_begun_resumes(tmp_path):
    """Where there is no checkpoint yet, load_from must give the weights and not the place to go on from."""
    arguments = []

    def launch(tool, given, log, watch):
        arguments.append(given)
        if len(arguments) == 1:
            (given[2] / "epoch_1.pth").touch()
            (given[2] / "last_checkpoint").touch()
            raise RuntimeError("stopped")

    launch.total_processes = 1
    steps = ToolSteps(StepRunner(tmp_path / "work"), "data", 4, launch)
    with pytest.raises(RuntimeError, match="stopped"):
        steps.train("1_pretrain", Config(TRAINING), [])
    steps.train("1_pretrain", Config(TRAINING), [])
    assert [given[3:] for given in arguments] == [[], ["--resume"]]
