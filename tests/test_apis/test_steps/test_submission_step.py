# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest
from mmengine.config import Config

from mmluss.apis.steps.submission_step import submission_step

FIELDS = dict(name="a", training_data="b", training_scheme="c", networks="d", link="e", description="f")


@pytest.fixture
def data(tmp_path) -> Path:
    for folder in ("train/cat", "train/dog", "test", "validation-segmentation"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    return tmp_path / "data"


def step(data: Path, fields: dict | None, clusters: int = 2, subset: int | None = None):
    cfg = Config(dict(submission=fields))
    step_cfg = Config(dict(test_dataloader=dict(dataset=dict(subset=subset))))
    return submission_step(cfg, step_cfg, str(data), clusters)


def test_none_is_asked_for(data):
    assert step(data, None) is None
    assert submission_step(Config({}), Config({}), "nowhere", 5) is None


def test_what_is_submitted(data):
    found = step(data, FIELDS)
    assert found.method.text().splitlines()[0] == "Method name: a"
    assert (found.image_folder, found.num_categories) == (data / "test", 2)
    assert step(data, FIELDS, 300, subset=300).num_categories == 300


def test_the_config_writes_predictions_and_scores_nothing(data, tmp_path):
    dataset = dict(type="ImageNetSDataset", split="validation", data_root=str(data))
    changed = Config(dict(test_dataloader=dict(dataset=dataset), test_evaluator=dict(type="x")))
    step(data, FIELDS).predict_only(changed, tmp_path)
    assert (changed.test_dataloader.dataset.split, changed.test_dataloader.dataset.label_root) == ("test", False)
    evaluator = dict(type="LUSSMetric", format_only=True, output_dir=str(tmp_path / "predictions"))
    assert changed.test_evaluator.to_dict() == evaluator


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(name="two\nlines"), ValueError, "'Method name' must be one line.*submission=None"),
        (dict(author="me"), ValueError, "submission needs name, .*author"),
        (None, ValueError, "submission needs name, .*description"),
    ],
)
def test_texts_are_checked_before_any_work(data, change, error, message):
    fields = (
        {name: text for name, text in FIELDS.items() if name != "description"} if change is None else FIELDS | change
    )
    with pytest.raises(error, match=f"(?s){message}"):
        step(data, fields)


@pytest.mark.parametrize("folder", ["test", "validation-segmentation"])
def test_missing_data_are_named_before_any_work(data, folder):
    (data / folder).rmdir()
    with pytest.raises(FileNotFoundError, match=f"{folder} is missing, so a submission has no .*submission=None"):
        step(data, FIELDS)


def test_clusters_beyond_the_categories_are_refused(data):
    with pytest.raises(ValueError, match="3 clusters leave some without one of the 2 categories"):
        step(data, FIELDS, 3)
