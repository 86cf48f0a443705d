# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mmluss.utils.atomic_files import read_json, remove_leftovers, replace_by, replace_file, write_csv, write_json


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


@pytest.mark.parametrize(
    "name",
    ["x" * 251 + ".png", "花" * 83 + "a.json", "é" * 20 + ".csv", "\udce9" * 255],
    ids=["ASCII", "three bytes each", "short", "no text"],
)
def test_names_of_any_length_have_room(tmp_path, name):
    path, seen = tmp_path / name, []

    def write(target):
        seen.append(target.name)
        target.write_bytes(b"by name")

    with replace_file(path) as file:
        seen += os.listdir(tmp_path)
        file.write(b"as file")
    assert path.read_bytes() == b"as file"
    replace_by(path, write)
    assert path.read_bytes() == b"by name" and os.listdir(tmp_path) == [name]
    gone = tmp_path / seen[0].replace(str(os.getpid()), str(2**22 + 1))
    gone.touch()
    assert seen[0] == seen[1] and Path(seen[0]).suffix == Path(name).suffix
    assert remove_leftovers(tmp_path) == [gone.name]


def test_errors_of_the_disk_name_the_file(tmp_path):
    path = tmp_path / "note.json"
    with pytest.raises(OSError) as error, replace_file(path):
        raise OSError(28, "No space left on device")
    assert str(error.value) == f"[Errno 28] No space left on device: '{path}'"
    with pytest.raises(OSError) as error, replace_file(path):
        raise OSError("9 requested and 3 written")
    assert str(error.value) == f"{path} cannot be written: 9 requested and 3 written"
    with pytest.raises(FileNotFoundError, match=r"other\.json"), replace_file(path):
        (tmp_path / "other.json").read_text()
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder'$"), replace_file(tmp_path / "folder") as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == ["folder"]


def test_leftovers_of_dead_processes_are_removed(tmp_path):
    gone = 2**22 + 1
    for name in (f".{gone}-1-a.pth", f".{os.getpid()}-1-b.pth", ".hidden", f"{gone}-1-c.pth", ".x-1-d.pth"):
        (tmp_path / name).touch()
    (tmp_path / f".{gone}-2-folder").mkdir()
    assert remove_leftovers(tmp_path) == [f".{gone}-1-a.pth"]
    assert len(os.listdir(tmp_path)) == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "not JSON"), (b"\xff", "not JSON"), (b"[1]", "a, b is not in it"), (b'{"a": 1}', "b is not in it")],
)
def test_damaged_json_is_named(tmp_path, content, reason):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"run\.json is damaged: {reason}"):
        read_json(tmp_path / "run.json", ("a", "b"))
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json")


def test_another_process_writes(tmp_path):
    replace_by(tmp_path / "a", lambda target: None, writes=False)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(("for_spreadsheets", "mark"), [(True, b"\xef\xbb\xbf"), (False, b"")])
def test_table_with_names_that_are_no_text(tmp_path, for_spreadsheets, mark):
    rows = [("a,b", 1), ('say "x"', 2.5), (b"caf\xe9".decode(errors="surrogateescape"), "")]
    rows.append(("one\rtwo", "three\nfour"))
    write_csv(tmp_path / "new" / "table.csv", ("path", "number"), iter(rows), for_spreadsheets)
    expected = b'path,number\r\n"a,b",1\r\n"say ""x""",2.5\r\ncaf\xe9,\r\n"one\rtwo","three\nfour"\r\n'
    assert (tmp_path / "new" / "table.csv").read_bytes() == mark + expected
