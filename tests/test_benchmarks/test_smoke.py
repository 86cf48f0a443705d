# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Benchmarks run at the tiniest size and write the rows that they name; what they measure there means nothing."""

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmluss.apis.pipeline import pipeline_report
from tests.helpers.tiny_steps import write_tiny_configs, write_tiny_data

KEYS = {"work", "unit", "ours", "peer", "limit", "peer_is", "limit_is", "times_as_fast", "times_the_limit"}
# Rows of each, and whether they have a peer and a limit.
HERE = {
    "multi_crop": (
        ["--images", 1, "--rounds", 1],
        {
            "decoding alone": (True, False),
            "2 x 224": (True, True),
            "2 x 224, colors on the GPU": (True, True),
            "2 x 224 + 6 x 96": (True, True),
            "2 x 224 + 6 x 96, colors on the GPU": (True, True),
        },
    ),
    "bookkeeping": (
        ["--images", 20, "--headers", 10, "--categories", 2],
        {
            "list of samples": (True, True),
            "fingerprint of a folder": (True, True),
            "fingerprint of a data set": (False, True),
            "sizes of images": (True, True),
            "sizes of images, again": (False, False),
        },
    ),
    "pseudo_labels": (
        ["--images", 2, "--categories", 3, "--batch-size", 2, "--rounds", 1],
        {"embeddings": (True, True), "label maps": (True, True), "embeddings + labels": (True, True)},
    ),
}


def check_rows(path, expected):
    rows = json.loads(path.read_text())
    assert [row["work"] for row in rows] == list(expected)
    for row in rows:
        has_peer, has_limit = expected[row["work"]]
        assert row.keys() >= KEYS
        assert row["ours"] > 0 and math.isfinite(row["ours"])
        # Processor time of little work may be none at all, which has no ratio.
        assert (row["peer"] is not None) == has_peer and bool(row["peer_is"]) == has_peer
        assert (row["limit"] is not None) == has_limit and bool(row["limit_is"]) == has_limit


@pytest.mark.parametrize("name", ["multi_crop", "bookkeeping", pytest.param("pseudo_labels", marks=pytest.mark.slow)])
def test_rows(name, run_here, tmp_path):
    arguments, expected = HERE[name]
    run_here(name, *arguments, "--json", tmp_path / "rows.json")
    check_rows(tmp_path / "rows.json", expected)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes on CPUs; with GPUs there must be two")
def test_rows_of_scaling(run_here, tmp_path):
    """The network that own photos start from, in two processes on CPUs."""
    sizes = ["--images", 4, "--size", 48, "--iterations", 1]
    arguments = ["--backbones", "EfficientNet-Lite0", "--steps", "step 1", "step 3", *sizes]
    run_here("scaling", *arguments, "--json", tmp_path / "rows.json")
    names = (f"EfficientNet-Lite0, {step}, two processes" for step in ("step 1", "step 3"))
    check_rows(tmp_path / "rows.json", dict.fromkeys(names, (True, True)))


def test_rows_of_clustering(load, run_here, monkeypatch, tmp_path):
    clustering = load("clustering")
    # It measures memory in processes of its own, whose start takes longer than all else here.
    monkeypatch.setattr(clustering, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    sizes = ["--sizes", "300x8x4", "--landmark-sizes", "500x8x4", "--threads", clustering.faiss.omp_get_max_threads()]
    run_here("clustering", *sizes, "--json", tmp_path / "rows.json")
    expected = {"k-means, 300 x 8, 4 clusters": (True, True), "landmark spectral, 500 x 8, 4 clusters": (False, False)}
    check_rows(tmp_path / "rows.json", expected)


def test_row_of_the_import(load, run_here, monkeypatch, tmp_path):
    sides = dict(ours="import json", peer="import json", limit="import sys")
    monkeypatch.setattr(load("imports"), "SIDES", sides)
    run_here("imports", "--rounds", 1, "--json", tmp_path / "rows.json")
    check_rows(tmp_path / "rows.json", {"import mmluss": (True, True)})


@pytest.mark.parametrize(
    ("step", "bfloat16"), [("step 1", True), ("step 2.1", True), ("step 3", True), ("step 3", False)]
)
def test_rows_of_training(step, bfloat16, load, run_here, monkeypatch, tmp_path):
    training = load("training")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict(avx512_bf16=bfloat16), raising=False)
    monkeypatch.setattr(training, "rate_of", lambda side, arguments: training.SIDES[side](*arguments))
    few = ["--images", 2, "--size", 32, "--iterations", 1, "--rounds", 1]
    run_here("training", "--backbones", "EfficientNet-Lite0", "--steps", step, *few, "--json", tmp_path / "rows.json")
    names = [f"EfficientNet-Lite0, {step}", f"EfficientNet-Lite0, {step}, bfloat16"][: 1 + bfloat16]
    check_rows(tmp_path / "rows.json", dict.fromkeys(names, (True, True)))


@pytest.mark.parametrize("benchmark", ["training", "gpu"])
def test_configs_of_training_have_crops(benchmark, load):
    step_cases = load("step_cases")
    for configs in load(benchmark).CASES.values():
        texts = [step_cases.crop_text(step_cases.load_step(config, 2, 32)) for config in configs]
        assert len(texts) == len(step_cases.STEPS) and all(" x 32" in text for text in texts)


def test_plain_process_has_memory_as_the_system_gives_it(load, monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert load("training").in_plain_process(os.getenv, ("MALLOC_ARENA_MAX",)) is None
    assert os.environ["MALLOC_ARENA_MAX"] == "1"


def test_rows_of_the_quick_start(load):
    quickstart = load("quickstart")

    def run(total, *seconds):
        steps = [dict(name=name, seconds=value) for name, value in zip(quickstart.STEPS, seconds, strict=True)]
        return total, dict(steps=steps, miou={"fine-tuned (step 4)": 95.5})

    rows = quickstart.rows_of([run(20, 1, 2, 3, 4, 5), run(40, 3, 4, 5, 6, 7), run(30, 2, 3, 4, 5, 9)])
    assert [row["ours"] for row in rows] == [2, 3, 4, 5, 7, 30]
    assert [row["work"] for row in rows][:2] == ["step 1: pretraining", quickstart.STEPS["2_pixel_attention"]]
    assert rows[-1]["work"] == "all" and rows[-1]["note"] == "mIoU 95.50"


def test_steps_of_the_quick_start_are_the_pipelines(load):
    names = load("quickstart").STEPS
    assert {pipeline_report.PIXEL_ATTENTION, pipeline_report.FINETUNE, pipeline_report.TEST} <= names.keys()


@pytest.mark.slow
def test_rows_of_sharp_options(run_here, tmp_path):
    write_tiny_data(tmp_path / "data")
    cfg = Config.fromfile(write_tiny_configs(tmp_path, tmp_path / "data")["pixel_attention"])
    cfg.work_dir = str(tmp_path / "work")
    cfg.train_cfg.max_epochs = cfg.param_scheduler[0].end = 1
    cfg.train_dataloader.num_workers = 0
    # What the benchmark does itself.
    hook = cfg.default_hooks.pop("pseudo_labels")
    Runner.from_cfg(cfg).train()
    cfg.default_hooks.pseudo_labels = dict(hook, crop_size=48)
    cfg.dump(tmp_path / "work" / "config.py")
    rows = ["as published", "all", "all but GrabCut"]
    options = ["--num-clusters", 3, "--rows", *rows, "--json", tmp_path / "rows.json"]
    run_here("sharp_options", tmp_path / "work", *options)
    figures = json.loads((tmp_path / "rows.json").read_text())
    assert list(figures) == rows
    assert all(0 <= row[name] <= 100 for row in figures.values() for name in ("mIoU", "mBIoU", "FMeasure", "Acc"))
    assert figures["all"] != figures["all but GrabCut"]
