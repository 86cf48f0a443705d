# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmluss.datasets.label_codec import write_label_map
from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.evaluation import Evaluation
from mmluss.evaluation.folder import PredictionError, count_folder, names_to_score, read_name_list
from mmluss.evaluation.matching import write_match
from mmluss.evaluation.merged_counts import MergedCounts
from mmluss.evaluation.scores import compute_scores, find_matching

NUM = 300


@pytest.fixture
def folders(scenes, tmp_path: Path) -> tuple[Path, Path, list]:
    images = scenes(0, 6, NUM)
    for index, (true, predicted, _) in enumerate(images):
        write_label_map(tmp_path / "pred" / f"n{index % 2}" / f"{index}.png", predicted)
        write_label_map(tmp_path / "gt" / f"n{index % 2}" / f"{index}.png", true)
    return tmp_path / "pred", tmp_path / "gt", images


@pytest.mark.parametrize(
    ("kind", "processes"), [(LabelCounts, 1), (MergedCounts, 1), pytest.param(MergedCounts, 2, marks=pytest.mark.slow)]
)
def test_folder_scores_as_its_images_do(folders, monkeypatch, kind: type[LabelCounts], processes: int) -> None:
    predictions, truths, images = folders
    monkeypatch.setattr("mmluss.evaluation.folder.IMAGES_A_TASK", 2)
    expected = kind(NUM)
    for true, predicted, _ in images:
        expected.update(predicted, true)
    found = count_folder(
        predictions,
        truths,
        names_to_score(predictions, truths),
        Evaluation(NUM, "majority" if kind is MergedCounts else "image"),
        processes,
    )
    match = find_matching(expected, "image")
    np.testing.assert_array_equal(find_matching(found, "image"), match)
    assert compute_scores(found, match)[0] == pytest.approx(compute_scores(expected, match)[0], nan_ok=True)


def test_matching_is_applied_before_counting(folders, tmp_path) -> None:
    predictions, truths, images = folders
    match = np.r_[0, np.random.default_rng(0).integers(1, 3, NUM)]
    expected = LabelCounts(NUM)
    for true, predicted, _ in images:
        expected.update(match[predicted], true)
    write_match(tmp_path / "match.json", match)
    evaluation = Evaluation(NUM, str(tmp_path / "match.json"))
    result = evaluation.result(count_folder(predictions, truths, names_to_score(predictions, truths), evaluation))
    assert result.scores == pytest.approx(compute_scores(expected, find_matching(expected, "identity"))[0], nan_ok=True)
    np.testing.assert_array_equal(result.match, match)


def test_name_list_chooses_images(folders, tmp_path: Path) -> None:
    predictions, truths, _ = folders
    (tmp_path / "names.txt").write_text("n0/0.JPEG n0/0.png\n\nn1/3.png\n")
    names = read_name_list(tmp_path / "names.txt")
    assert names == ["n0/0", "n1/3"] == names_to_score(predictions, truths, names)
    (predictions / "n0" / "2.png").unlink()
    assert names_to_score(predictions, truths, names) == names


def test_missing_and_extra_predictions_are_named(folders) -> None:
    predictions, truths, _ = folders
    (predictions / "n0" / "2.png").unlink()
    (predictions / "n1" / "3.png").rename(predictions / "n1" / "33.png")
    with pytest.raises(PredictionError) as caught:
        names_to_score(predictions, truths)
    message = str(caught.value)
    assert "no prediction in" in message
    assert "n0/2\n  n1/3" in message
    assert "not in" in message and "n1/33" in message
    (predictions / "n1" / "33.png").unlink()
    assert names_to_score(predictions, truths, allow_missing=True) == ["n0/0", "n0/4", "n1/1", "n1/5"]


def test_listed_image_needs_a_label_map(folders) -> None:
    predictions, truths, _ = folders
    with pytest.raises(PredictionError, match=r"no label map in .* for \(1\)\n  n7/x"):
        names_to_score(predictions, truths, ["n0/0", "n7/x"])


def test_many_names_are_cut_short(folders) -> None:
    predictions, truths, _ = folders
    with pytest.raises(PredictionError, match=r"\(30\)(\n  n0/n\d+){20}\n  ... and 10 more"):
        names_to_score(predictions, truths, [f"n0/n{i}" for i in range(30)])


def test_empty_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PredictionError, match="no image to score"):
        names_to_score(tmp_path / "a", tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="none: no such folder"):
        names_to_score(tmp_path / "none", tmp_path / "a")


@pytest.mark.parametrize(("text", "message"), [("\n", "no names"), ("a.png\na.JPEG", r"twice: \(1\)\n  a")])
def test_bad_name_list_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "names.txt").write_text(text)
    with pytest.raises(ValueError, match=r"names.txt: .*" + message):
        read_name_list(tmp_path / "names.txt")


def test_all_bad_files_are_named_at_once(folders, tmp_path) -> None:
    predictions, truths, images = folders
    size = images[0][1].shape
    write_label_map(predictions / "n0" / "0.png", np.zeros((size[0], size[1] + 1), np.uint16))
    cv2.imwrite(str(predictions / "n1" / "1.png"), images[1][1].astype(np.uint8))
    write_label_map(predictions / "n0" / "2.png", np.full(images[2][1].shape, NUM + 1, np.uint16))
    (predictions / "n1" / "3.png").write_bytes(b"no picture")
    with pytest.raises(PredictionError, match="4 of 6 images cannot be scored") as caught:
        count_folder(predictions, truths, names_to_score(predictions, truths), Evaluation(NUM))
    message = str(caught.value)
    for part in (
        "0.png: prediction of shape",
        "1.png: wrong mode",
        "2.png: prediction holds id 301",
        "3.png: unreadable",
    ):
        assert part in message
    write_match(tmp_path / "match.json", np.arange(NUM + 1))
    evaluation = Evaluation(NUM, str(tmp_path / "match.json"))
    with pytest.raises(PredictionError, match=r"4 of 6 images cannot be scored") as caught:
        count_folder(predictions, truths, names_to_score(predictions, truths), evaluation)
    assert "2.png: prediction holds id 301; expected 0..300" in str(caught.value)
