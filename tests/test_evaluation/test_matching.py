# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest

from mmluss.evaluation.matching import (
    UNMATCHED,
    assign_majority,
    assign_one_to_one,
    match_to_json,
    read_match,
    relabeling,
    write_match,
)
from tests.test_evaluation.slow_reference import best_total


@pytest.mark.parametrize("shape", [(5, 5), (7, 5), (4, 6), (1, 1)])
def test_assignment_is_best_of_all(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    for _ in range(5):
        counts = rng.integers(0, 10, shape)
        match = assign_one_to_one(counts)
        used = match[1:][match[1:] != UNMATCHED]
        assert match[0] == 0
        assert len(used) == min(shape) == len(set(used.tolist()))
        rows = np.flatnonzero(match[1:] != UNMATCHED)
        assert counts[rows, match[rows + 1] - 1].sum() == best_total(counts)


def test_majority_is_many_to_one() -> None:
    counts = np.array([[5, 1], [3, 0], [2, 2], [0, 0]])
    np.testing.assert_array_equal(assign_majority(counts), [0, 1, 1, 1, UNMATCHED])


def test_match_file_has_predicted_ids_ascending_then_zero(tmp_path) -> None:
    match = np.array([0, 3, 1, UNMATCHED, 2])
    assert match_to_json(match) == '{"1": 3, "2": 1, "4": 2, "0": 0}'
    write_match(tmp_path / "new" / "match.json", match)
    np.testing.assert_array_equal(read_match(tmp_path / "new" / "match.json", 3), match)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["match.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "not a JSON object"),
        ("{", "not a JSON object"),
        ('{"a": 1}', "not a JSON object"),
        ('{"1": 4}', "predicted id 1 is matched to 4; expected 0..3"),
        ('{"1": 1.5}', "predicted id 1 is matched to 1.5"),
        ('{"-1": 1}', r"predicted id -1; expected 0\.\.65535"),
    ],
)
def test_bad_match_file_is_named(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "match.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_match(path, 3)
    assert str(path) in str(caught.value)


def test_missing_match_file_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.json"):
        read_match(tmp_path / "nothing.json", 3)


def test_relabeling_keeps_unmatched_ids_apart(tmp_path) -> None:
    path = tmp_path / "match.json"
    path.write_text(json.dumps({"0": 0, "1": 2, "3": 2}))
    np.testing.assert_array_equal(relabeling(read_match(path, 3), 5, 3), [0, 2, 5, 2, 7, 8])
