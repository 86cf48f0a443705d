# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.utils.stage_record import StageRecord, read_arrays, write_arrays


def test_a_stage_is_done_only_for_what_it_was_made_from(tmp_path):
    path = tmp_path / "stages.json"
    inputs = dict(data="d", shape=(3, 4))
    record = StageRecord(path)
    assert record.result("clustering", inputs) is None and not record.begun("clustering")
    record.finish("clustering", inputs, dict(nmi=0.5))
    again = StageRecord(path)
    assert again.result("clustering", inputs) == dict(nmi=0.5)
    assert again.result("clustering", dict(inputs, data="e")) is None
    assert again.changed("clustering", dict(inputs, data="e", more=1)) == ["data", "more"]
    assert again.changed("clustering", inputs) == []


def test_a_stage_that_begins_anew_has_no_result(tmp_path):
    path = tmp_path / "stages.json"
    StageRecord(path).finish("labels", dict(key="a"), {})
    StageRecord(path).begin("labels", dict(key="a"), seconds=3)
    record = StageRecord(path)
    assert record.result("labels", dict(key="a")) is None
    assert (
        record.begun("labels") and record.begun("labels", dict(key="a")) and not record.begun("labels", dict(key="b"))
    )
    assert record.notes("labels") == dict(seconds=3) and record.notes("other") == {}


@pytest.mark.parametrize(
    "content", ["{", "[1]", '{"clustering": 3}', '{"clustering": {"inputs": {}}}', '{"a": {"inputs": 1, "result": 2}}']
)
def test_another_file_in_place_of_the_record(tmp_path, content):
    path = tmp_path / "stages.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"stages\.json is not a record"):
        StageRecord(path)


def test_arrays_are_read_only_for_their_key(tmp_path):
    path = tmp_path / "arrays.npz"
    assert read_arrays(path, "a") is None
    write_arrays(path, "a", rows=np.ones((2, 3), np.float32), labels=np.arange(2))
    assert read_arrays(path, "b") is None
    found = read_arrays(path, "a")
    assert found.keys() == {"rows", "labels"}
    np.testing.assert_array_equal(found["rows"], np.ones((2, 3)))
    path.write_bytes(path.read_bytes()[:60])
    assert read_arrays(path, "a") is None
    np.save(path.open("wb"), np.ones(3))
    assert read_arrays(path, "a") is None
