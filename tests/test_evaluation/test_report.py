# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import os

import numpy as np
import pytest

from mmluss.evaluation.report import class_table, score_table, versions, write_json


def test_class_table_names_matched_ids() -> None:
    classes = {"IoU": np.array([50.0, 12.345]), "pixels": np.array([7, 3])}
    lines = class_table(["other", "cat"], classes, np.array([0, 1, -1, 1])).splitlines()
    assert [cell.strip() for cell in lines[-2].split("|")[1:-1]] == ["1", "cat", "1 3", "12.35", "3"]


def test_score_table_shows_what_does_not_occur() -> None:
    assert "-" in score_table({"mIoU": 1.234, "S": float("nan")}).splitlines()[3]


def test_versions_of_installed_packages_only() -> None:
    assert versions()["numpy"] == np.__version__
    assert all(versions().values())


def test_json_is_written_whole_or_not_at_all(tmp_path) -> None:
    file = tmp_path / "new" / "scores.json"
    write_json(file, {"a": np.float32(1.5), "b": [np.nan, np.arange(2)], 3: (None, True, np.int64(4))})
    assert json.loads(file.read_text()) == {"a": 1.5, "b": [None, [0, 1]], "3": [None, True, 4]}
    before = file.read_text()
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert file.read_text() == before
    assert os.listdir(file.parent) == ["scores.json"]
