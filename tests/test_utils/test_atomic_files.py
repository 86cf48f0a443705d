# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import os

import numpy as np
import pytest

from mmluss.utils.atomic_files import replace_by, replace_file, write_json


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "note.json"
    write_json(path, dict(a=1))
    with pytest.raises(RuntimeError), replace_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.json"]


def test_json_is_written_whole_or_not_at_all(tmp_path) -> None:
    file = tmp_path / "new" / "scores.json"
    write_json(file, {"a": np.float32(1.5), "b": [np.nan, np.arange(2)], 3: (None, True, np.int64(4))})
    assert json.loads(file.read_text()) == {"a": 1.5, "b": [None, [0, 1]], "3": [None, True, 4]}
    before = file.read_text()
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert file.read_text() == before
    assert os.listdir(file.parent) == ["scores.json"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_writer_of_names_leaves_all_or_nothing(tmp_path, is_folder):
    path = tmp_path / "new" / "model.pth"

    def write(target, fails=False):
        assert target.suffix == ".pth" and target.parent == path.parent
        target.mkdir() if is_folder else target.write_text("x")
        if fails:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        replace_by(path, lambda target: write(target, fails=True))
    assert os.listdir(path.parent) == []
    replace_by(path, write)
    assert os.listdir(path.parent) == ["model.pth"]


def test_another_process_writes(tmp_path):
    replace_by(tmp_path / "a", lambda target: None, writes=False)
    assert not (tmp_path / "a").exists()
