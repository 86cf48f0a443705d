# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import zipfile
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmluss.datasets.label_codec import write_label_map
from mmluss.evaluation.folder import PredictionError
from mmluss.evaluation.submission import Method, check_predictions, named_image_sizes, read_method, write_submission

METHOD = Method("PASS", "ImageNet-S-50", "unsupervised", "ResNet-18", "https://example.org", "Colons: are fine.")
NAMES = ["n1/a", "n1/b", "n2/c"]
NUM = 300


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    for index, name in enumerate(NAMES):
        write_label_map(tmp_path / "pred" / f"{name}.png", np.full((4, 5 + index), 298 + index))
    return tmp_path / "pred"


def test_archive_holds_predictions_match_and_method(predictions: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "submission.zip"
    write_submission(file, predictions, NAMES, METHOD, np.array([0, 2, 1]))
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["n1/", "n2/", "method.txt", "match.json", *(f"{name}.png" for name in NAMES)]
        assert archive.read("match.json") == b'{"1": 2, "2": 1, "0": 0}'
        assert archive.read("n2/c.png") == (predictions / "n2" / "c.png").read_bytes()
    first = file.read_bytes()
    write_submission(file, predictions, NAMES, METHOD, np.array([0, 2, 1]))
    assert file.read_bytes() == first
    write_submission(file, predictions, NAMES, METHOD)
    assert "match.json" not in zipfile.ZipFile(file).namelist()


def test_nothing_half_written_is_left(predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_submission(tmp_path / "out" / "submission.zip", predictions, [*NAMES, "n9/x"], METHOD)
    assert list((tmp_path / "out").iterdir()) == []


def test_method_has_six_lines(tmp_path: Path) -> None:
    assert METHOD.text() == (
        "Method name: PASS\nTraining data: ImageNet-S-50\nTraining scheme: unsupervised\nNetworks: ResNet-18\n"
        "Paper/Project link: https://example.org\nMethod description: Colons: are fine."
    )
    (tmp_path / "method.txt").write_text(METHOD.text())
    assert read_method(tmp_path / "method.txt") == METHOD


@pytest.mark.parametrize("value", ["", "  ", "two\nlines"])
def test_field_of_method_must_be_one_line(value: str) -> None:
    with pytest.raises(ValueError, match=r"'Networks' must be one line of text"):
        Method(**(asdict(METHOD) | {"networks": value})).text()


@pytest.mark.parametrize("text", ["Method name: x", METHOD.text().replace("Networks", "Nets"), METHOD.text() + "\nx"])
def test_other_method_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "method.txt").write_text(text)
    with pytest.raises(ValueError, match=r"method\.txt: expected six lines"):
        read_method(tmp_path / "method.txt")


def test_good_predictions_pass(predictions: Path) -> None:
    check_predictions(predictions, NAMES, NUM)
    check_predictions(predictions, NAMES, NUM, np.arange(NUM + 1), {name: (4, 5 + i) for i, name in enumerate(NAMES)})


def test_everything_wrong_is_named_at_once(predictions: Path) -> None:
    write_label_map(predictions / "n1" / "extra.png", np.zeros((2, 2), int))
    cv2.imwrite(str(predictions / "n1" / "b.png"), np.zeros((4, 6), np.uint8))
    with pytest.raises(PredictionError) as caught:
        check_predictions(predictions, [*NAMES, "n3/d"], 299, None, dict.fromkeys([*NAMES, "n3/d"], (4, 5)))
    message = str(caught.value)
    assert "no prediction in" in message and "n3/d" in message
    assert "not test images: (1)\n  n1/extra" in message
    assert "b.png: wrong mode" in message
    assert "c.png: (4, 7) pixels, its image has (4, 5)" in message
    assert "c.png: id 300 without category" in message


def test_ids_without_match_are_refused(predictions: Path) -> None:
    match = np.arange(NUM + 1)
    match[299] = -1
    with pytest.raises(PredictionError, match=r"b\.png: id 299 without category"):
        check_predictions(predictions, NAMES, NUM, match)
    check_predictions(predictions, NAMES, 2, np.r_[0, np.ones(300, int)])


def test_sizes_are_those_of_the_images(tmp_path: Path) -> None:
    (tmp_path / "n1").mkdir()
    cv2.imwrite(str(tmp_path / "n1" / "a.JPEG"), np.zeros((4, 7, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    assert named_image_sizes(tmp_path) == {"n1/a": (4, 7)}
    with pytest.raises(FileNotFoundError, match="no images"):
        named_image_sizes(tmp_path / "n2")
