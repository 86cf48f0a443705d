# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from mmluss.apis.steps import steps
from mmluss.apis.steps.step_screen import FileShare, TrainingShare
from mmluss.apis.steps.steps import StepRunner


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
    result = run(tmp_path, work, {"config": "b", "data": "d"})
    assert work.calls == 2
    assert result.folder == tmp_path / "step"
    assert sorted(path.name for path in (tmp_path / "step").iterdir()) == ["partial2", "result.txt", "step.json"]
    assert [folder.name for folder in tmp_path.iterdir()] == ["step"]


def test_old_results_stay_until_new_ones_are_there(tmp_path):
    run(tmp_path, Work(), {"config": "a"})

    def fail(folder):
        assert (tmp_path / "step" / "result.txt").read_text() == "1.5"
        assert not list(folder.glob("result.txt"))
        (folder / "begun").touch()
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        run(tmp_path, fail, {"config": "b"})
    assert (tmp_path / "step" / "partial1").exists()
    untouched = Work()
    assert run(tmp_path, untouched, {"config": "a"}).figures == {"x": 1.5} and untouched.calls == 0

    def go_on(folder):
        assert (folder / "begun").exists()
        (folder / "result.txt").write_text("2.5")

    assert run(tmp_path, go_on, {"config": "b"}).figures == {"x": 2.5}
    assert (tmp_path / "step" / "begun").exists() and not (tmp_path / "step" / "partial1").exists()


def test_a_step_begun_beside_with_other_inputs_starts_anew(tmp_path):
    run(tmp_path, Work(), {"config": "a"})
    with pytest.raises(RuntimeError):
        run(tmp_path, Work(failures=1), {"config": "b"})
    work = Work()
    run(tmp_path, work, {"config": "c"})
    assert work.calls == 1 and [folder.name for folder in tmp_path.iterdir()] == ["step"]


def test_an_unfinished_step_whose_inputs_changed_starts_anew_in_its_place(tmp_path):
    with pytest.raises(RuntimeError):
        run(tmp_path, Work(failures=1), {"config": "a"})
    (tmp_path / "step" / "old").touch()
    run(tmp_path, Work(), {"config": "b"})
    assert not (tmp_path / "step" / "old").exists() and [folder.name for folder in tmp_path.iterdir()] == ["step"]


def test_files_name_the_folder_that_they_end_up_in(tmp_path):
    def work(folder):
        (folder / "config.py").write_text(f"work_dir = '{folder}'")
        (folder / "last_checkpoint").write_text(f"{folder}/epoch_1.pth")
        (folder / "result.txt").write_text("1")

    for config in "ab":
        run(tmp_path, work, {"config": config})
        assert (tmp_path / "step" / "config.py").read_text() == f"work_dir = '{tmp_path}/step'"
        assert (tmp_path / "step" / "last_checkpoint").read_text() == f"{tmp_path}/step/epoch_1.pth"


def test_shares_are_those_of_the_work_beside_old_results(tmp_path):
    def work(folder):
        (folder / "1" / "vis_data").mkdir(parents=True)
        (folder / "1" / "vis_data" / "scalars.json").write_text('{"step": 8, "lr": 1}\n')
        (folder / "labels").mkdir()
        for index in range(4):
            (folder / "labels" / f"{index}.png").touch()
        (folder / "result.txt").write_text("1")

    def look(folder):
        assert shares[0]() == shares[1]() == 0
        (folder / "1" / "vis_data").mkdir(parents=True)
        (folder / "1" / "vis_data" / "scalars.json").write_text('{"step": 2, "lr": 1}\n')
        (folder / "labels").mkdir()
        (folder / "labels" / "0.png").touch()
        assert [share() for share in shares] == [0.2, 0.25]
        (folder / "result.txt").write_text("2")

    shares = TrainingShare(tmp_path / "step", 10), FileShare(tmp_path / "step" / "labels", 4)
    run(tmp_path, work, {"config": "a"})
    assert [share() for share in shares] == [0.8, 1]
    run(tmp_path, look, {"config": "b"})


def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def run_and_be_killed(tmp_path, moment):
    """Replace a finished step of config "a" by one of "b", and die at some moment."""

    def work(folder):
        (folder / "half").touch()
        if moment == "work":
            kill()
        (folder / "result.txt").write_text("2.5")

    if moment == "finish":
        steps.StageRecord.finish = kill
    elif moment == "between":
        move = Path.rename

        def rename(path, target):
            move(path, target)
            kill()

        Path.rename = rename
    elif moment == "deletion":
        shutil.rmtree = kill
    run(tmp_path, work, {"config": "b"})


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ("work", [".step.new", "step"]),
        ("finish", [".step.new", "step"]),
        ("between", [".step.new", ".step.outdated"]),
        ("deletion", [".step.outdated", "step"]),
    ],
)
@pytest.mark.parametrize("then", ["a", "b", "c"])
def test_a_kill_leaves_one_whole_result(tmp_path, moment, left, then):
    run(tmp_path, lambda folder: (folder / "result.txt").write_text("1.5"), {"config": "a"})
    process = multiprocessing.get_context("fork").Process(target=run_and_be_killed, args=(tmp_path, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    replaced = moment in ("between", "deletion")
    if not replaced:
        assert (tmp_path / "step" / "result.txt").read_text() == "1.5"
    calls = []

    def work(folder):
        calls.append((folder / "half").exists())
        (folder / "result.txt").write_text({"a": "1.5", "b": "2.5", "c": "3.5"}[then])

    assert run(tmp_path, work, {"config": then}).figures == {"x": {"a": 1.5, "b": 2.5, "c": 3.5}[then]}
    done = "b" if replaced else "a"
    # What was begun beside goes on there if it is wanted, and the whole result is taken if that is.
    assert calls == ([] if then == done else [then == "b"])
    assert not (tmp_path / ".step.outdated").exists()


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
