# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Benchmarks run at the tiniest size and write the rows that they name; what they measure there means nothing."""

import json
import math

import pytest

KEYS = {"work", "unit", "ours", "peer", "limit", "peer_is", "limit_is", "times_as_fast", "times_the_limit"}
# Rows of each, and whether they have a peer and a limit.
HERE = {
    "multi_crop.py": (
        ["--images", 1, "--rounds", 1],
        {"decoding alone": (True, False), "2 x 224": (True, True), "2 x 224 + 6 x 96": (True, True)},
    ),
    "bookkeeping.py": (
        ["--images", 20, "--headers", 10, "--categories", 2],
        {
            "list of samples": (True, True),
            "fingerprint of a folder": (True, True),
            "fingerprint of a data set": (False, True),
            "sizes of images": (True, True),
            "sizes of images, again": (False, False),
        },
    ),
    "pseudo_labels.py": (
        ["--images", 2, "--categories", 3, "--batch-size", 2, "--rounds", 1],
        {"embeddings": (True, True), "label maps": (True, True), "embeddings + labels": (True, True)},
    ),
}
APART = {
    "clustering.py": (
        ["--sizes", "300x8x4", "--landmark-sizes", "500x8x4", "--threads", 1],
        {"k-means, 300 x 8, 4 clusters": (True, True), "landmark spectral, 500 x 8, 4 clusters": (False, False)},
    ),
    "imports.py": (["--rounds", 1], {"import mmluss": (True, True)}),
    "training.py": (
        ["--images", 2, "--size", 32, "--iterations", 1, "--rounds", 1],
        {
            f"{backbone}, {step}": (True, True)
            for backbone in ("ResNet-18", "EfficientNet-Lite0")
            for step in ("step 1", "step 2.1", "step 3")
        },
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


@pytest.mark.parametrize("name", HERE)
def test_rows(name, run_here, tmp_path):
    arguments, expected = HERE[name]
    run_here(name, *arguments, "--json", tmp_path / "rows.json")
    check_rows(tmp_path / "rows.json", expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", APART)
def test_rows_of_benchmarks_with_processes_of_their_own(name, run_process, tmp_path):
    arguments, expected = APART[name]
    finished = run_process(name, *arguments, "--json", tmp_path / "rows.json")
    assert finished.returncode == 0, finished.stderr
    check_rows(tmp_path / "rows.json", expected)


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
    from mmluss.apis import pipeline_report

    names = load("quickstart").STEPS
    assert {pipeline_report.PIXEL_ATTENTION, pipeline_report.FINETUNE, pipeline_report.TEST} <= names.keys()
