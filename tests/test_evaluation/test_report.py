# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np

from mmluss.evaluation.scores import class_table, score_table, versions


def test_class_table_names_matched_ids() -> None:
    classes = {"IoU": np.array([50.0, 12.345]), "pixels": np.array([7, 3])}
    lines = class_table(["other", "cat"], classes, np.array([0, 1, -1, 1])).splitlines()
    assert [cell.strip() for cell in lines[-2].split("|")[1:-1]] == ["1", "cat", "1 3", "12.35", "3"]


def test_score_table_shows_what_does_not_occur() -> None:
    assert "-" in score_table({"mIoU": 1.234, "S": float("nan")}).splitlines()[3]


def test_versions_of_installed_packages_only() -> None:
    assert versions()["numpy"] == np.__version__
    assert all(versions().values())
