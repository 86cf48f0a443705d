# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import math
import warnings

import pytest
import torch

RECIPES = ("ours, float32", "ours, fp16", "ours, bf16")
WORK = "ResNet-18, step 3"


@pytest.fixture
def hidden_gpus(monkeypatch):
    """The script hides them from the runner, in its process for good."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.slow
def test_every_part_runs(run_here, hidden_gpus, tmp_path):
    path = tmp_path / "rows.json"
    run_here("gpu", "--device", "cpu", "--backbones", "ResNet-18", "--steps", "step 3", "--json", path)
    rows = json.loads(path.read_text())
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in {row["kind"] for row in rows}}
    assert "left out" not in kinds, kinds["left out"]
    assert len(kinds["peak"]) == 3

    assert [(row["work"], row["recipe"]) for row in kinds["losses"]] == [(WORK, recipe) for recipe in RECIPES]
    assert all(row["equal"] and row["losses"][1] < row["losses"][0] for row in kinds["losses"])

    plain, *others = kinds["training"]
    assert plain["peer"] is None and plain["work"] == f"{WORK}, float32, contiguous, plain SGD"
    assert [row["work"] for row in others] == [f"{WORK}, {recipe}" for recipe in (*RECIPES, "ours, bf16, compiled")]
    assert all(row["peer"] == plain["ours"] for row in others)
    assert all(row["ours"] > 0 and row["share_of_peak"] > 0 for row in kinds["training"])

    [waits], [breaks] = kinds["waits"], kinds["graph breaks"]
    assert waits["work"] == breaks["work"] == WORK
    assert isinstance(breaks["count"], int), breaks
    assert len(kinds["clustering"]) == len(kinds["colors"]) == 1
    [matching] = kinds["matching"]
    assert matching["same_labels"] > 0.99


@pytest.mark.parametrize(("losses", "equal"), [([2.0, 1.001], True), ([2.0, 1.2], False), ([2.0, math.nan], False)])
def test_losses_agree_with_the_cpu_or_not(load, monkeypatch, losses, equal):
    gpu_steps = load("gpu_steps")
    monkeypatch.setattr(gpu_steps, "two_losses", lambda _, __, device: [2.0, 1.0] if device == "cpu" else losses)
    assert [row["equal"] for row in gpu_steps.loss_rows(WORK, None, "cuda")] == [equal] * 3


@pytest.mark.parametrize(("skipped", "steps"), [(0, 2), (1, 2), (5, 6), (99, 20)])
def test_iterations_that_the_scaler_skips_do_not_count(load, skipped, steps):
    gpu_steps = load("gpu_steps")

    class Skipping(gpu_steps.Training):
        def __init__(self):
            self.scaler = self
            self.done = 0

        def get_scale(self):
            return 2.0 ** -min(self.done, skipped)

        def step(self):
            self.done += 1
            return self.done

    training = Skipping()
    assert training.settle(2) == 1
    assert training.done == steps


def test_nothing_is_begun_after_the_time(load):
    gpu = load("gpu")
    args = gpu.argparse.Namespace(device="cpu", minutes=-1.0, json=None)
    measurement = gpu.Measurement(args)
    measurement.attempt("work", lambda: [dict(kind="work")])
    [row] = measurement.rows
    assert (row["kind"], row["work"]) == ("left out", "work")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(run_here):
    with pytest.raises(SystemExit, match="No GPU here"):
        run_here("gpu")


def test_waits_are_counted_after_the_warm_up(load):
    gpu_steps = load("gpu_steps")
    counter = gpu_steps.WaitCounter()

    for index in range(gpu_steps.WARM_UP + gpu_steps.WATCHED_ITERATIONS):
        # Those before the hook listens go to pytest.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore" if index < gpu_steps.WARM_UP else "always")
            warnings.warn("called a synchronizing CUDA operation (somewhere)", stacklevel=1)
            warnings.warn("does not yet detect all synchronizing operations", stacklevel=1)
        counter.after_train_iter(None, index)
    [(place, count)] = counter.places.items()
    assert place.startswith("test_benchmarks/test_gpu.py:")
    assert count == gpu_steps.WATCHED_ITERATIONS
