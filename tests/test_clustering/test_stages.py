# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch

from mmluss.clustering.stages import (
    StageRecord,
    data_hash,
    pipeline_text,
    settings_hash,
    weights_hash,
)

from .small_world import TEST_PIPELINE, photos


def test_weights_hash_follows_names_values_and_types():
    state = dict(a=torch.arange(3.0), b=torch.tensor(2, dtype=torch.int64), c=torch.ones(2, dtype=torch.bfloat16))
    original = weights_hash(state)
    assert weights_hash(dict(reversed(state.items()))) == original
    assert weights_hash(dict(state, extra=torch.zeros(1)), leave_out=["extra"]) == original
    changed = [
        dict(state, a=torch.tensor([0.0, 1.0, 2.001])),
        dict(state, a=torch.arange(3)),
        dict(state, c=torch.ones(1, 2, dtype=torch.bfloat16)),
        {"d" if name == "a" else name: value for name, value in state.items()},
    ]
    assert len({original, *(weights_hash(other) for other in changed)}) == 5


def test_settings_hash_follows_values_not_order():
    assert settings_hash(dict(a=1, b=[2])) == settings_hash(dict(b=[2], a=1)) != settings_hash(dict(a=1, b=[3]))


def test_data_hash_and_pipeline_text_are_stable(photo_root):
    dataset = photos(photo_root)
    assert data_hash(dataset) == data_hash(photos(photo_root)) != data_hash(photos(photo_root, "validation"))
    wider = [TEST_PIPELINE[0], dict(TEST_PIPELINE[1], scale=40), *TEST_PIPELINE[2:]]
    assert (
        pipeline_text(dataset) == pipeline_text(photos(photo_root)) != pipeline_text(photos(photo_root, pipeline=wider))
    )
    assert " at 0x" not in pipeline_text(dataset)


def test_a_stage_is_done_only_for_its_key(tmp_path):
    path = tmp_path / "stages.json"
    record = StageRecord(path)
    assert record.result("clustering", "key") is None
    record.finish("clustering", "key", dict(nmi=0.5))
    again = StageRecord(path)
    assert again.result("clustering", "key") == dict(nmi=0.5)
    assert again.result("clustering", "other key") is None
    assert again.known("clustering")
    again.forget("clustering")
    assert not StageRecord(path).known("clustering")


@pytest.mark.parametrize("content", ["{", "[1]", '{"clustering": 3}', '{"clustering": {"key": "a"}}'])
def test_another_file_in_place_of_the_record(tmp_path, content):
    path = tmp_path / "stages.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"stages\.json is not a record"):
        StageRecord(path)
