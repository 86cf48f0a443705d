# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmengine.config import Config

from mmluss.apis.steps.steps import StepResult, StepRunner
from mmluss.apis.steps.tool_steps import ToolSteps


class Launch:
    """Writes some of the files of a test, whatever it is told to run."""

    total_processes = 1

    def __init__(self, written):
        self.written = written

    def __call__(self, tool, arguments, log, watch):
        folder = arguments[-1]
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


def tools(tmp_path, written):
    return ToolSteps(StepRunner(tmp_path / "work"), "data", 4, Launch(written))


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
