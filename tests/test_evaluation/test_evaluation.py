# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import doctest
import json
from functools import partial

import numpy as np
import pytest

from mmluss.evaluation import LUSSMetric, ThresholdSweep, evaluation
from mmluss.evaluation.evaluation import Evaluation


def test_example() -> None:
    assert doctest.testmod(evaluation).attempted > 0
    assert doctest.testmod(evaluation).failed == 0


@pytest.mark.parametrize("matching", ["image", "pixel", "majority", "identity"])
def test_files_hold_what_was_found(scenes, tmp_path, matching: str) -> None:
    found = Evaluation(4, matching, num_clusters=6)
    counts = found.new_counts()
    for true, predicted, *_ in scenes(2, 5, 4, 6):
        found.update(counts, predicted, true)
    result = found.result(counts)
    result.write(list("oabcd"), dict(matching=matching), tmp_path / "match.json", tmp_path / "scores.json")
    stored = json.loads((tmp_path / "scores.json").read_text())
    assert stored["settings"] == dict(matching=matching) and stored["scores"]["mIoU"] == result.scores["mIoU"]
    match = {int(i): category for i, category in json.loads((tmp_path / "match.json").read_text()).items()}
    assert match == {i: int(c) for i, c in enumerate(result.match) if c != -1}


def test_a_given_matching_may_name_more_ids_than_categories(tmp_path) -> None:
    (tmp_path / "match.json").write_text(json.dumps({"0": 0, "1": 2, "5": 2}))
    found = Evaluation(2, str(tmp_path / "match.json"))
    counts = found.new_counts()
    found.update(counts, np.array([[1, 5], [0, 3]]), np.array([[2, 2], [0, 1]]))
    scores = found.result(counts).scores
    assert scores["mIoU"] == pytest.approx(200 / 3)
    with pytest.raises(ValueError, match=r"photo: prediction holds id 6; expected 0\.\.5 \(num_clusters\)"):
        found.update(counts, np.array([[6]]), np.array([[1]]), name="photo")


@pytest.mark.parametrize("owner", [LUSSMetric, partial(ThresholdSweep, 4)])
def test_old_name_of_num_clusters_loads_with_a_warning(owner) -> None:
    with pytest.warns(FutureWarning, match='"num_clusters"'):
        assert owner(num_predicted=7).num_clusters == 7


def test_ids_up_to_the_old_name_s_number_are_counted() -> None:
    with pytest.warns(FutureWarning, match='"num_predicted" is called "num_clusters" now'):
        sweep = ThresholdSweep(2, [0.25, 0.75], num_predicted=5)
    sweep.update(np.array([[5, 5, 0]]), np.array([[1, 1, 0]]), np.array([[0.5, 0.9, 0.1]]))
    assert sweep.compute()["miou"] == pytest.approx([200 / 3, 100 * (1 / 2 + 1 / 2) / 3])
    with pytest.raises(ValueError, match=r"expected 0\.\.5 \(num_clusters\)"):
        sweep.update(np.array([[6]]), np.array([[1]]), np.array([[0.5]]))
