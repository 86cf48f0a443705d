# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmluss.apis.steps.self_training import (
    AGREED,
    agreement_figures,
    label_agreement,
    relabel_images,
    settle_labels,
    train_in_rounds,
)
from mmluss.apis.steps.step_names import round_name
from mmluss.apis.steps.steps import StepResult
from mmluss.apis.steps.training_folder import checkpoint_fingerprint
from mmluss.datasets.label_codec import read_label_map, write_label_map


def slow_agreement(before: np.ndarray, after: np.ndarray) -> float:
    pairs = [(a, b) for a, b in zip(before.ravel().tolist(), after.ravel().tolist(), strict=True) if a or b]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else 1.0


@pytest.mark.parametrize("seed", range(4))
def test_agreement_is_the_share_of_foreground_with_one_id(seed):
    rng = np.random.default_rng(seed)
    before, after = rng.integers(0, 4, (2, 9, 7))
    assert label_agreement(before, after) == pytest.approx(slow_agreement(before, after))
    assert label_agreement(before, before) == 1.0


def test_nothing_agrees_with_nothing():
    empty = np.zeros((3, 3), np.uint16)
    assert label_agreement(empty, empty) == 1.0
    assert label_agreement(empty, empty + 1) == 0.0


def test_agreement_of_folders_is_the_mean_of_their_images(tmp_path):
    rng = np.random.default_rng(0)
    expected = []
    for name in ("cat/a.png", "cat/b.png", "dog/a.png"):
        before, after = rng.integers(0, 3, (2, 12, 10))
        write_label_map(tmp_path / "before" / "pixel_labels" / name, before)
        write_label_map(tmp_path / "after" / "pixel_labels" / name, after)
        expected.append(slow_agreement(before, after))
    settle_labels(tmp_path / "before", tmp_path / "after", "one model", "its settings")
    figures = agreement_figures(tmp_path / "after")
    assert figures == {"agreement": pytest.approx(np.mean(expected), abs=1e-4), "kept": 0}
    first = (tmp_path / "after" / "agreement.json").read_text()
    settle_labels(tmp_path / "before", tmp_path / "after", "another model", "its settings")
    assert (tmp_path / "after" / "agreement.json").read_text() != first


def test_labels_stay_where_the_model_finds_nothing(tmp_path):
    empty, square = np.zeros((6, 8), np.uint16), np.zeros((6, 8), np.uint16)
    square[2:5, 2:5] = 300
    maps = dict(lost=(square, empty), found=(empty, square), changed=(square, square // 2), nothing=(empty, empty))
    for name, (before, after) in maps.items():
        write_label_map(tmp_path / "before" / "pixel_labels" / f"{name}.png", before)
        write_label_map(tmp_path / "after" / "pixel_labels" / f"{name}.png", after)
    settle_labels(tmp_path / "before", tmp_path / "after", "a model", "its settings")
    expected = dict(lost=square, found=square, changed=square // 2, nothing=empty)
    for name, label_map in expected.items():
        np.testing.assert_array_equal(read_label_map(tmp_path / f"after/pixel_labels/{name}.png"), label_map)
    assert agreement_figures(tmp_path / "after") == {"agreement": 0.5, "kept": 1}


def test_labeling_again_begins_anew(tmp_path):
    """What a killed process left, whole or half, plays no part; the model's hash and the config are written."""
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 3, (2, 6, 8))
    write_label_map(tmp_path / "before/pixel_labels/cat/a.png", before)
    folder = tmp_path / "step"
    write_label_map(folder / "pixel_labels/cat/a.png", before)
    (folder / "pixel_labels/cat" / f".{2**22 + 1}-7-a.png").touch()
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), tmp_path / "model.pth")
    cfg = Config(dict(train_dataloader=dict(dataset={}), test_dataloader=dict(dataset={})))

    def predict(arguments: list) -> None:
        assert arguments == [folder / "config.py", tmp_path / "model.pth", "--work-dir", folder]
        write_label_map(Path(Config.fromfile(arguments[0]).test_evaluator.output_dir, "cat", "a.png"), after)

    relabel_images(cfg, tmp_path / "model.pth", tmp_path / "before", folder, predict)
    assert [path.name for path in (folder / "pixel_labels/cat").iterdir()] == ["a.png"]
    np.testing.assert_array_equal(read_label_map(folder / "pixel_labels/cat/a.png"), after)
    content = json.loads((folder / "agreement.json").read_text())
    assert content["images"] == 1 and content["agreement"] == pytest.approx(slow_agreement(before, after), abs=1e-4)
    assert content["model"] == checkpoint_fingerprint(tmp_path / "model.pth")


def test_the_same_model_used_otherwise_makes_another_file(tmp_path):
    """What step 3 depends on: labels may differ where agreement and weights do not."""
    write_label_map(tmp_path / "before/pixel_labels/cat/a.png", np.ones((6, 8), np.uint16))
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), tmp_path / "model.pth")
    contents = []
    for number, test_cfg in enumerate((dict(mode="whole"), dict(mode="whole"), dict(mode="slide"))):
        loaders = dict(train_dataloader=dict(dataset={}), test_dataloader=dict(dataset={}))
        cfg = Config(dict(model=dict(test_cfg=test_cfg), **loaders))

        def predict(arguments: list) -> None:
            write_label_map(arguments[-1] / "pixel_labels/cat/a.png", np.ones((6, 8), np.uint16))

        relabel_images(cfg, tmp_path / "model.pth", tmp_path / "before", tmp_path / f"{number}", predict)
        contents.append((tmp_path / f"{number}" / "agreement.json").read_text())
    assert contents[0] == contents[1] != contents[2]


def run_rounds(tmp_path, rounds: int, agreements: list[float], drafts: bool = False) -> tuple[list[str], list[str]]:
    """Names of the fine-tuned rounds, and the calls in their order."""
    calls = []

    def step(name: str, **figures) -> StepResult:
        calls.append(name)
        return StepResult(name, tmp_path, 0.0, figures)

    def finetune(number: int, labels: StepResult, name: str = "train") -> StepResult:
        return step(f"{round_name(name, number)} on {labels.name}")

    def relabel(number: int, model: StepResult, before: StepResult) -> StepResult:
        assert model.name.endswith(before.name)
        return step(round_name("labels", number), agreement=agreements[number - 2])

    draft = partial(finetune, name="draft") if drafts else None
    done = train_in_rounds(StepResult("labels", tmp_path, 0.0), rounds, finetune, relabel, draft)
    return [result.name for result in done], calls


def test_each_round_learns_the_labels_of_the_model_before(tmp_path):
    done, calls = run_rounds(tmp_path, 3, [0.5, 0.6])
    expected = ["train on labels", "train_round2 on labels_round2", "train_round3 on labels_round3"]
    assert done == expected
    assert calls == [expected[0], "labels_round2", expected[1], "labels_round3", expected[2]]


def test_one_round_labels_nothing_anew(tmp_path):
    assert run_rounds(tmp_path, 1, []) == (["train on labels"], ["train on labels"])


def test_labels_that_no_longer_change_end_the_rounds(tmp_path):
    done, calls = run_rounds(tmp_path, 5, [0.5, AGREED, 0.5, 0.5])
    assert len(done) == 2 and calls[-1] == "labels_round3"


@pytest.mark.parametrize(
    ("rounds", "agreements", "expected"),
    [
        (1, [], ["train on labels"]),
        (2, [0.5], ["draft on labels", "train_round2 on labels_round2"]),
        (2, [AGREED], ["draft on labels", "train_round2 on labels_round2"]),
        (3, [0.5, 0.5], ["draft on labels", "draft_round2 on labels_round2", "train_round3 on labels_round3"]),
        (4, [0.5, AGREED, 0.5], ["draft on labels", "draft_round2 on labels_round2", "train_round3 on labels_round3"]),
    ],
)
def test_the_last_round_is_no_draft(tmp_path, rounds, agreements, expected):
    assert run_rounds(tmp_path, rounds, agreements, drafts=True)[0] == expected
