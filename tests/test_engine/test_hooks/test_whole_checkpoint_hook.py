# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.fileio import get_file_backend
from mmseg.registry import HOOKS

from mmluss.engine.hooks import WholeCheckpointHook
from mmluss.engine.hooks.whole_checkpoint_hook import WholeFileBackend, mend_last_checkpoint


def test_checkpoints_are_written_by_its_backend(tmp_path):
    hook = HOOKS.build(dict(type="WholeCheckpointHook"))
    backend = get_file_backend(str(tmp_path), backend_args=hook.backend_args)
    assert isinstance(backend, WholeFileBackend)
    backend.put(b"weights", tmp_path / "new" / "epoch_1.pth")
    assert (tmp_path / "new" / "epoch_1.pth").read_bytes() == b"weights"
    with pytest.raises(IsADirectoryError, match=r"new'$"):
        backend.put(b"weights", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["epoch_1.pth"]
    assert WholeCheckpointHook(backend_args=dict(backend="petrel")).backend_args == dict(backend="petrel")


@pytest.mark.parametrize(
    ("content", "files", "mended", "named"),
    [
        ("{}/epoch_2.pth", ["epoch_1.pth", "epoch_2.pth"], None, "{}/epoch_2.pth"),
        (
            "",
            ["epoch_9.pth", "epoch_10.pth", ".1-2-epoch_11.pth", "epoch_12.pth~"],
            "epoch_10.pth",
            "{}/epoch_10.pth",
        ),
        ("{}/epoch_2.pth", ["epoch_3.pth"], "epoch_3.pth", "{}/epoch_3.pth"),
        ("", [], "nothing", None),
        (None, ["epoch_1.pth"], None, None),
    ],
)
def test_last_checkpoint_names_one_that_is_there(tmp_path, content, files, mended, named):
    for name in files:
        (tmp_path / name).touch()
    path = tmp_path / "last_checkpoint"
    if content is not None:
        path.write_text(content.format(tmp_path))
    assert mend_last_checkpoint(tmp_path) == mended
    assert (path.read_text() if path.is_file() else None) == (named and named.format(tmp_path))


@pytest.mark.parametrize("resume", [True, False])
def test_mends_before_a_resumed_run_and_tidies_before_any(tmp_path, resume, caplog):
    (tmp_path / "last_checkpoint").touch()
    (tmp_path / "iter_5.pth").touch()
    (tmp_path / f".{2**22 + 1}-1-iter_6.pth").touch()
    runner = SimpleNamespace(_resume=resume, _load_from=None, work_dir=str(tmp_path), logger=logging.getLogger("mend"))
    with caplog.at_level(logging.WARNING):
        WholeCheckpointHook(by_epoch=False).before_run(runner)
    names = {path.name for path in tmp_path.iterdir()}
    if resume:
        assert names == {"last_checkpoint", "iter_5.pth"}
        assert Path((tmp_path / "last_checkpoint").read_text()) == tmp_path / "iter_5.pth"
        assert "named no file; now it names iter_5.pth" in caplog.text
    else:
        assert names == {"last_checkpoint", "iter_5.pth"} and not caplog.records
        assert not (tmp_path / "last_checkpoint").read_text()
