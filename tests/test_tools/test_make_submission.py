# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmluss.datasets.label_codec import write_label_map

TOOL = Path(__file__).resolve().parents[2] / "tools" / "misc" / "make_submission.py"
_spec = importlib.util.spec_from_file_location("make_submission", TOOL)
make_submission = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_submission)

TEXTS = [f"--{field.replace('_', '-')}=some {field}" for field in make_submission.FIELDS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("n1/a", "n2/b"):
        write_label_map(tmp_path / "pred" / f"{name}.png", np.full((4, 5), 2))
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "images" / f"{name}.JPEG"), np.zeros((4, 5, 3), np.uint8))
    (tmp_path / "list.txt").write_text("n1/a.JPEG n1/a.JPEG\nn2/b.JPEG n2/b.JPEG\n")
    (tmp_path / "match.json").write_text('{"1": 2, "2": 1, "0": 0}')
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    return make_submission.main([str(folder / "pred"), str(folder / "out.zip"), "--num-categories=2", *arguments])


@pytest.mark.parametrize("images", ["--test-list=list.txt", "--image-dir=images"])
@pytest.mark.parametrize("match", ["--match=match.json", "--no-match"])
def test_submission_is_packed(folder: Path, monkeypatch, images: str, match: str) -> None:
    monkeypatch.chdir(folder)
    assert run(folder, images, match, *TEXTS) == 0
    with zipfile.ZipFile(folder / "out.zip") as archive:
        assert {name for name in archive.namelist() if name.endswith(".png")} == {"n1/a.png", "n2/b.png"}
        assert ("match.json" in archive.namelist()) == (match != "--no-match")
        assert archive.read("method.txt").startswith(b"Method name: some name\nTraining data: some training_data\n")


def test_method_file_replaces_texts(folder: Path) -> None:
    titles = ["Method name", "Training data", "Training scheme", "Networks", "Paper/Project link", "Method description"]
    (folder / "method.txt").write_text("\n".join(f"{title}: x" for title in titles))
    options = [f"--test-list={folder / 'list.txt'}", "--no-match"]
    assert run(folder, *options, f"--method-file={folder / 'method.txt'}") == 0
    for wrong in (TEXTS[:-1], [*TEXTS, f"--method-file={folder / 'method.txt'}"]):
        with pytest.raises(SystemExit):
            run(folder, *options, *wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "pred" / "n1" / "a.png").unlink(), "n1/a"),
        (lambda folder: write_label_map(folder / "pred" / "n1" / "a.png", np.zeros((4, 6), int)), "(4, 6) pixels"),
        (lambda folder: write_label_map(folder / "pred" / "n1" / "x.png", np.zeros((4, 5), int)), "n1/x"),
        (lambda folder: (folder / "match.json").write_text('{"1": 3}'), "predicted id 1 is matched to 3"),
        (lambda folder: (folder / "match.json").write_text('{"1": 2}'), "id 2 without category"),
        (lambda folder: (folder / "match.json").unlink(), "match.json"),
    ],
)
def test_nothing_is_packed_of_a_bad_folder(folder: Path, capsys, change, message: str) -> None:
    change(folder)
    assert run(folder, f"--image-dir={folder / 'images'}", f"--match={folder / 'match.json'}", *TEXTS) == 1
    error = capsys.readouterr().err
    assert error.startswith("nothing was packed: ")
    assert message in error
    assert not (folder / "out.zip").exists()
