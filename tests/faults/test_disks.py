# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A full disk: the error names the file, nothing half-written is left, and the run goes on once there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mmluss.checkpoints.files import write_checkpoint
from mmluss.clustering.embeddings import EmbeddingFile
from mmluss.datasets.label_codec import write_label_map
from mmluss.evaluation.matching import write_match
from mmluss.utils.atomic_files import replace_by, write_json
from mmluss.utils.stage_record import write_arrays
from tests.helpers.forked_runs import finish, losses, start, train, weights

NOISE = np.random.default_rng(0).integers(0, 1000, (300, 300))


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 128 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mounted = _mount(disk, "size=128k")
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a tmpfs takes a superuser")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def _embeddings(path: Path) -> None:
    EmbeddingFile(path.parent, "key", (1000, 200))


WRITERS = {
    "map.png": lambda path: write_label_map(path, NOISE),
    "model.pth": lambda path: write_checkpoint(dict(state_dict=dict(weight=torch.ones(100_000))), path),
    "note.json": lambda path: write_json(path, dict(values=NOISE)),
    "match.json": lambda path: write_match(path, np.ones(100_000, int)),
    "arrays.npz": lambda path: write_arrays(path, "key", values=NOISE),
    "copied.bin": lambda path: replace_by(path, lambda temporary: temporary.write_bytes(bytes(200_000))),
    "embeddings.npy": _embeddings,
}


@pytest.mark.parametrize("name", WRITERS)
def test_writers_name_the_file_and_leave_nothing(name, small_disk):
    path = small_disk / name
    if name != "embeddings.npy":
        path.write_bytes(b"before")
    with pytest.raises(OSError) as error:
        WRITERS[name](path)
    assert str(path) in str(error.value) and "No space left on device" in str(error.value)
    left = {
        file.name: file.read_bytes() for file in small_disk.iterdir() if file.suffix != ".json" or name[-4:] == "json"
    }
    assert left == ({} if name == "embeddings.npy" else {name: b"before"})


@pytest.mark.parametrize("name", ["map.png", "model.pth", "note.json"])
def test_a_folder_that_may_not_be_written_is_named(name, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError) as error:
        WRITERS[name](small_disk / name)
    assert str(error.value) == f"[Errno 30] Read-only file system: '{small_disk / name}'"
    assert list(small_disk.iterdir()) == []


@pytest.mark.slow
def test_training_on_a_full_disk_goes_on_with_room(whole, small_disk, tmp_path):
    """There is room for one checkpoint and a half."""
    config, log, work = whole / "1_pretrain" / "config.py", tmp_path / "log", small_disk / "work"
    size = (whole / "1_pretrain" / "epoch_3.pth").stat().st_size
    logs = sum(file.stat().st_size for file in (whole / "1_pretrain").glob("*/**/*") if file.is_file())
    subprocess.run(["mount", "-o", f"remount,size={size * 3 // 2 + logs}", str(small_disk)], check=True)
    assert finish(start(log, train, config, work)) == 1
    line = log.read_text().splitlines()[-1]
    assert line == (
        f"No space left on device: {work / 'epoch_2.pth'}. Make room; the same command with --resume goes on after the "
        "last checkpoint"
    )
    assert {file.name for file in work.iterdir() if file.is_file()} >= {"epoch_1.pth", "last_checkpoint"}
    assert not list(work.glob("*epoch_2*"))
    assert weights(work / "epoch_1.pth")
    subprocess.run(["mount", "-o", "remount,size=1g", str(small_disk)], check=True)
    code = finish(start(log, train, config, work, "--resume"))
    assert code == 0, log.read_text()
    assert losses(work) == losses(whole / "1_pretrain")
