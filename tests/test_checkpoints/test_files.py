# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import argparse
import pathlib
import re

import numpy as np
import pytest
import torch

from mmluss.checkpoints.files import (
    peek_checkpoint,
    read_centroids,
    read_checkpoint,
    unreadable_named,
    write_centroids,
    write_checkpoint,
)


@pytest.fixture
def checkpoint() -> dict:
    return dict(state_dict={"a.weight": torch.randn(2, 3)}, epoch=3, args=argparse.Namespace(lr=0.1, arch="resnet18"))


@pytest.mark.parametrize("zipped", [True, False])
def test_arguments_of_a_training_script_are_let_through(tmp_path, checkpoint, zipped):
    torch.save(checkpoint, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    for read in (read_checkpoint, peek_checkpoint):
        stored = read(tmp_path / "x.pth")
        assert torch.equal(stored["state_dict"]["a.weight"], checkpoint["state_dict"]["a.weight"])
        assert stored["args"].arch == "resnet18"


def test_objects_that_need_code_are_refused(tmp_path):
    torch.save(dict(state_dict={}, path=pathlib.PurePosixPath("x")), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth cannot be read as weights"):
        read_checkpoint(tmp_path / "x.pth")
    assert peek_checkpoint(tmp_path / "x.pth") is None


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut off"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.pth cannot be read as weights .* Is it a checkpoint, complete"):
        read_checkpoint(tmp_path / "x.pth")
    assert peek_checkpoint(tmp_path / "x.pth") is None


def test_lone_tensor_is_no_checkpoint(tmp_path):
    torch.save(torch.zeros(2), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth holds a Tensor, not a checkpoint"):
        read_checkpoint(tmp_path / "x.pth")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"No checkpoint at {tmp_path / 'x.pth'}.")):
        read_checkpoint(tmp_path / "x.pth")
    with pytest.raises(FileNotFoundError, match=re.escape(f"No centroids at {tmp_path / 'x.npy'}.")):
        read_centroids(tmp_path / "x.npy")
    assert peek_checkpoint("https://example.org/x.pth") is None


@pytest.mark.parametrize("suffix", [".npy", ".pth", ".dict.pth", ".ours.pth"])
def test_centroids(tmp_path, suffix):
    centroids, path = torch.randn(5, 4), tmp_path / f"centroids{suffix}"
    if suffix == ".npy":
        np.save(path, centroids.double().numpy())
    elif suffix == ".pth":
        torch.save(centroids, path)
    else:
        torch.save({"centroids" if suffix == ".dict.pth" else "decode_head.centroids": centroids}, path)
    stored = read_centroids(path)
    assert stored.dtype == torch.float32
    assert torch.equal(stored, centroids)


def test_what_holds_no_centroids_is_refused(tmp_path):
    torch.save(dict(weight=torch.zeros(2, 2)), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth holds no centroids: an array \(K, C\)"):
        read_centroids(tmp_path / "x.pth")


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="cannot be read as weights"):
        read_centroids(tmp_path / "x.npy")


def test_written_files_are_complete_and_alone(tmp_path, checkpoint):
    del checkpoint["args"]
    write_checkpoint(checkpoint, tmp_path / "new" / "x.pth")
    write_centroids(torch.ones(2, 3), tmp_path / "new" / "x.npy")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["x.npy", "x.pth"]
    assert read_checkpoint(tmp_path / "new" / "x.pth")["epoch"] == 3
    assert torch.equal(read_centroids(tmp_path / "new" / "x.npy"), torch.ones(2, 3))


def test_failed_write_leaves_the_old_file(tmp_path, checkpoint):
    write_checkpoint(dict(epoch=1), tmp_path / "x.pth")
    with pytest.raises((AttributeError, TypeError)):
        write_checkpoint(dict(broken=lambda: None), tmp_path / "x.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]
    assert read_checkpoint(tmp_path / "x.pth") == dict(epoch=1)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False."),
        AssertionError("Torch not compiled with CUDA enabled"),
    ],
)
def test_errors_that_are_not_the_file_s_pass(error):
    with pytest.raises(type(error)) as caught, unreadable_named("x.pth"):
        raise error
    assert caught.value is error
