# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json

import pytest

from mmluss.apis.steps import StepRunner


class Work:
    """Writes one file and counts its calls; fails at first if told to."""

    def __init__(self, failures=0):
        self.calls = 0
        self.failures = failures

    def __call__(self, folder):
        self.calls += 1
        (folder / f"partial{self.calls}").touch()
        if self.calls <= self.failures:
            raise RuntimeError("interrupted")
        (folder / "result.txt").write_text("1.5")


def run(tmp_path, work, inputs):
    runner = StepRunner(tmp_path)
    return runner.run(
        "step", inputs, work, lambda folder: {"x": float((folder / "result.txt").read_text())}, ["result.txt"]
    )


def test_a_finished_step_is_not_done_again(tmp_path):
    work = Work()
    first = run(tmp_path, work, {"config": "a"})
    second = run(tmp_path, work, {"config": "a"})
    assert work.calls == 1
    assert first.figures == second.figures == {"x": 1.5}
    assert second.seconds == first.seconds


def test_changed_inputs_start_the_step_anew_in_an_empty_folder(tmp_path):
    work = Work()
    run(tmp_path, work, {"config": "a", "data": "d"})
    run(tmp_path, work, {"config": "b", "data": "d"})
    assert work.calls == 2
    assert not (tmp_path / "step" / "partial1").exists()


def test_a_deletion_cut_short_leaves_nothing_of_the_old_results(tmp_path, monkeypatch):
    run(tmp_path, Work(), {"config": "a"})

    def kill(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("mmluss.apis.steps.shutil.rmtree", kill)
        run(tmp_path, Work(), {"config": "b"})
    work = Work()
    run(tmp_path, work, {"config": "b"})
    assert work.calls == 1
    assert [folder.name for folder in tmp_path.iterdir()] == ["step"]


def test_an_interrupted_step_goes_on_in_its_folder(tmp_path):
    work = Work(failures=1)
    with pytest.raises(RuntimeError, match="interrupted"):
        run(tmp_path, work, {"config": "a"})
    assert json.loads((tmp_path / "step" / "step.json").read_text())["step"]["result"] is None
    run(tmp_path, work, {"config": "a"})
    assert (tmp_path / "step" / "partial1").exists()


def test_a_lost_output_is_made_again(tmp_path):
    work = Work()
    run(tmp_path, work, {"config": "a"})
    (tmp_path / "step" / "result.txt").unlink()
    run(tmp_path, work, {"config": "a"})
    assert work.calls == 2


def test_a_step_without_its_output_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"step ended without result\.txt"):
        StepRunner(tmp_path).run("step", {}, lambda folder: None, lambda folder: {}, ["result.txt"])


def test_manifest_is_json(tmp_path):
    run(tmp_path, Work(), {"config": "a"})
    assert json.loads((tmp_path / "step" / "step.json").read_text())["step"]["result"]["figures"] == {"x": 1.5}
