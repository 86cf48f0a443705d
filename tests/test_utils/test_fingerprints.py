# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import hashlib
import os
from pathlib import Path

import pytest
import torch

from mmluss.utils import fingerprints
from mmluss.utils.fingerprints import (
    dataset_fingerprint,
    file_fingerprint,
    folder_fingerprint,
    pipeline_text,
    settings_fingerprint,
    weights_fingerprint,
)
from tests.helpers.small_world import TEST_PIPELINE, photos, write_split
from tests.helpers.two_processes import run_in_two_processes


def test_weights_fingerprint_follows_names_values_and_types():
    state = dict(a=torch.arange(3.0), b=torch.tensor(2, dtype=torch.int64), c=torch.ones(2, dtype=torch.bfloat16))
    original = weights_fingerprint(state)
    assert weights_fingerprint(dict(reversed(state.items()))) == original
    assert weights_fingerprint(dict(state, extra=torch.zeros(1)), leave_out=["extra"]) == original
    changed = [
        dict(state, a=torch.tensor([0.0, 1.0, 2.001])),
        dict(state, a=torch.arange(3)),
        dict(state, c=torch.ones(1, 2, dtype=torch.bfloat16)),
        {"d" if name == "a" else name: value for name, value in state.items()},
    ]
    assert len({original, *(weights_fingerprint(other) for other in changed)}) == 5


def test_settings_fingerprint_follows_values_not_order():
    assert (
        settings_fingerprint(dict(a=1, b=[2]))
        == settings_fingerprint(dict(b=[2], a=1))
        != settings_fingerprint(dict(a=1, b=[3]))
    )


def test_data_fingerprint_and_pipeline_text_are_stable(photo_root):
    dataset = photos(photo_root)
    assert (
        dataset_fingerprint(dataset)
        == dataset_fingerprint(photos(photo_root))
        != dataset_fingerprint(photos(photo_root, "validation"))
    )
    wider = [TEST_PIPELINE[0], dict(TEST_PIPELINE[1], scale=40), *TEST_PIPELINE[2:]]
    assert (
        pipeline_text(dataset) == pipeline_text(photos(photo_root)) != pipeline_text(photos(photo_root, pipeline=wider))
    )
    assert " at 0x" not in pipeline_text(dataset)


def test_data_fingerprint_sees_order_and_states_of_files(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprints, "_SAMPLES_OF_A_BLOCK", 4)
    write_split(tmp_path, "train", images=3, seed=0)
    before = dataset_fingerprint(photos(tmp_path))
    assert before == dataset_fingerprint(photos(tmp_path)) != dataset_fingerprint(photos(tmp_path, indices=8))
    shuffled = photos(tmp_path)
    shuffled.data_list.reverse()
    assert dataset_fingerprint(shuffled) != before
    os.utime(sorted((tmp_path / "train").rglob("*.png"))[-1], ns=(0, 0))
    assert dataset_fingerprint(photos(tmp_path)) != before


def compare_fingerprints(rank: int, root: Path, expected: list[str]) -> None:
    fingerprints._SAMPLES_OF_A_BLOCK = 4
    assert [dataset_fingerprint(photos(root, indices=count)) for count in (9, 8, 5, 3)] == expected


@pytest.mark.slow
def test_data_fingerprint_is_shared_among_processes(tmp_path, monkeypatch):
    write_split(tmp_path, "train", images=3, seed=0)
    monkeypatch.setattr(fingerprints, "_SAMPLES_OF_A_BLOCK", 4)
    expected = [dataset_fingerprint(photos(tmp_path, indices=count)) for count in (9, 8, 5, 3)]
    assert len(set(expected)) == 4
    run_in_two_processes(compare_fingerprints, tmp_path, expected)


def test_folder_fingerprint_sees_what_changed_behind_links(tmp_path):
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "a.png").write_bytes(b"1")
    data = tmp_path / "data"
    data.mkdir()
    (data / "category").symlink_to(target)
    before = folder_fingerprint(data)
    os.utime(target / "a.png", ns=(0, 0))
    assert folder_fingerprint(data) != before


def test_folder_fingerprint_is_that_of_names_and_states(tmp_path):
    for name in ("b.png", "a/c.JPEG", "a/d/e.png", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    lines = []
    for name in ("b.png", "a/c.JPEG", "a/d/e.png"):
        state = (tmp_path / name).stat()
        lines.append(f"{name} {state.st_size} {state.st_mtime_ns}\n")
    assert folder_fingerprint(tmp_path) == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert folder_fingerprint(f"{tmp_path}/") == folder_fingerprint(tmp_path)


def test_folder_fingerprint_leaves_out_a_work_folder(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.png").write_bytes(b"a")
    before = folder_fingerprint(tmp_path, tmp_path / "work")
    assert before == folder_fingerprint(tmp_path)
    (tmp_path / "work" / "pixel_labels").mkdir(parents=True)
    (tmp_path / "work" / "pixel_labels" / "a.png").write_bytes(b"a")
    (tmp_path / "link").symlink_to(tmp_path / "work")
    assert before == folder_fingerprint(tmp_path, tmp_path / "work") != folder_fingerprint(tmp_path)


def test_folder_fingerprint_sees_names_and_sizes(tmp_path):
    (tmp_path / "a.png").write_bytes(b"1")
    before = folder_fingerprint(tmp_path)
    (tmp_path / "notes.txt").write_text("not data")
    assert folder_fingerprint(tmp_path) == before
    (tmp_path / "a.png").write_bytes(b"12")
    assert folder_fingerprint(tmp_path) != before
    with pytest.raises(FileNotFoundError, match="--data-root"):
        folder_fingerprint(tmp_path / "missing")


def test_file_fingerprint_is_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_fingerprint(tmp_path / "f").startswith("ba7816bf")


@pytest.mark.parametrize("name", ["a.TIF", "b.webp", "c.jpeg"])
def test_folder_fingerprint_sees_every_kind_of_image(tmp_path, name):
    (tmp_path / name).write_bytes(b"1")
    before = folder_fingerprint(tmp_path)
    (tmp_path / name).write_bytes(b"12")
    assert folder_fingerprint(tmp_path) != before


class Samples(list):
    """What a fingerprint asks of a data set."""

    get_data_info = list.__getitem__


def test_names_of_files_need_not_be_text(tmp_path):
    name = os.fsdecode(b"p\xe9.png")
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system wants names to be text")
    samples = [dict(img_path=str(tmp_path / name), relative_path=name, category=0)]
    before = folder_fingerprint(tmp_path), dataset_fingerprint(Samples(samples))
    (tmp_path / name).write_bytes(b"changed")
    after = folder_fingerprint(tmp_path), dataset_fingerprint(Samples(samples))
    assert before[0] != after[0] and before[1] != after[1]
