# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import warnings

import pytest
import torch

STEPS = [f"ResNet-18, {step}" for step in ("step 1", "step 2.1", "step 3")]
LEARNING_WHOLE = [STEPS[0], STEPS[2]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """What the whole script writes at its smallest size."""
    import os
    import subprocess
    import sys

    from tests.test_benchmarks.conftest import FOLDER

    path = tmp_path_factory.mktemp("gpu") / "rows.json"
    command = [sys.executable, "-W", "ignore", FOLDER / "gpu.py", "--device", "cpu", "--backbones", "ResNet-18"]
    environment = os.environ | dict(OMP_NUM_THREADS="1", PYTHONPATH=str(FOLDER.parent))
    finished = subprocess.run([*command, "--json", path], env=environment, capture_output=True, text=True, timeout=900)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return json.loads(path.read_text())


def of_kind(rows, kind):
    return [row for row in rows if row["kind"] == kind]


@pytest.mark.slow
def test_nothing_is_left_out(rows):
    assert of_kind(rows, "left out") == []


@pytest.mark.slow
def test_losses_are_those_of_the_cpu(rows):
    found = of_kind(rows, "losses")
    assert [row["work"] for row in found] == [step for step in STEPS for _ in range(3)]
    assert all(row["equal"] and len(row["losses"]) == 2 and row["losses"][0] != row["losses"][1] for row in found)
    assert {row["recipe"] for row in found} == {"ours, float32", "ours, fp16", "ours, bf16"}


@pytest.mark.slow
def test_speed_of_every_recipe_beside_the_plain_one(rows):
    found = of_kind(rows, "training")
    plain = {row["work"].removesuffix(", float32, contiguous, plain SGD"): row["ours"] for row in found[:12:4]}
    assert list(plain) == STEPS
    recipes = ("ours, float32", "ours, fp16", "ours, bf16")
    named = {f"{step}, {recipe}" for step in STEPS for recipe in recipes}
    named |= {f"{step}, ours, bf16, compiled" for step in LEARNING_WHOLE}
    beside = [row for row in found if row["peer"] is not None]
    assert {row["work"] for row in beside} == named
    assert all(row["peer"] == plain[row["work"].split(", ours")[0]] for row in beside)
    assert all(row["ours"] > 0 and row["share_of_peak"] > 0 for row in found)


@pytest.mark.slow
def test_graphs_waits_peaks_and_the_rest(rows):
    assert [row["work"] for row in of_kind(rows, "waits")] == STEPS
    breaks = of_kind(rows, "graph breaks")
    assert [row["work"] for row in breaks] == LEARNING_WHOLE
    assert all(isinstance(row["count"], int) for row in breaks), breaks
    assert len(of_kind(rows, "peak")) == 3
    assert len(of_kind(rows, "clustering")) == 1
    [matching] = of_kind(rows, "matching")
    assert matching["same_labels"] > 0.99


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(run_here):
    with pytest.raises(SystemExit, match="No GPU here"):
        run_here("gpu.py")


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
