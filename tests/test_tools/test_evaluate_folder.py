# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.datasets.score_codec import write_score_map

TOOL = Path(__file__).resolve().parents[2] / "tools" / "analysis_tools" / "evaluate_folder.py"
_spec = importlib.util.spec_from_file_location("evaluate_folder", TOOL)
evaluate_folder = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(evaluate_folder)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Two categories, of which the predictions have the ids exchanged; one of four images is wrong."""
    for index, category in enumerate(("cat", "dog"), start=1):
        for image in range(2):
            true = np.zeros((10, 10), np.uint16)
            true[2:8, 2:8] = index
            predicted = np.where(true > 0, 3 - index, 0)
            if (index, image) == (2, 1):
                predicted[:] = 0
            write_label_map(tmp_path / "gt" / category / f"{image}.png", true)
            write_label_map(tmp_path / "pred" / category / f"{image}.png", predicted)
    return str(tmp_path / "pred"), str(tmp_path / "gt")


OTHER_IOU = 256 / (256 + 36)
MATCHED, UNMATCHED = 100 * (OTHER_IOU + 1 + 1 / 2) / 3, 100 * OTHER_IOU / 3


@pytest.mark.parametrize(
    ("match", "expected"), [("compute", MATCHED), ("image", MATCHED), ("majority", MATCHED), ("identity", UNMATCHED)]
)
def test_scores_are_printed_and_written(folders, tmp_path: Path, capsys, match: str, expected: float) -> None:
    files = ["--scores-file", str(tmp_path / "s.json"), "--match-file", str(tmp_path / "m.json")]
    assert evaluate_folder.main([*folders, "--match", match, "--processes", "1", *files]) == 0
    report = json.loads((tmp_path / "s.json").read_text())
    assert report["scores"]["mIoU"] == pytest.approx(expected)
    assert report["settings"]["match"] == match
    assert report["classes"]["name"] == ["other", "cat", "dog"]
    out = capsys.readouterr().out
    assert "4 of 4 images" in out
    assert f"{report['scores']['mIoU']:.2f}" in out
    assert evaluate_folder.main([*folders, "--match", str(tmp_path / "m.json"), *files]) == 0
    assert json.loads((tmp_path / "s.json").read_text())["scores"] == report["scores"]


def test_nothing_is_scored_partially_unless_allowed(folders, capsys) -> None:
    Path(folders[0], "dog", "1.png").unlink()
    assert evaluate_folder.main([*folders, "--processes", "1"]) == 1
    captured = capsys.readouterr()
    assert "nothing was scored: no prediction in" in captured.err
    assert "dog/1" in captured.err
    assert "mIoU" not in captured.out
    assert evaluate_folder.main([*folders, "--processes", "1", "--allow-missing", "--no-boundaries"]) == 0
    out = capsys.readouterr().out
    assert "3 of 4 images" in out
    assert "mBIoU" not in out


def test_name_list_chooses_images(folders, tmp_path: Path, capsys) -> None:
    (tmp_path / "names.txt").write_text("cat/0.JPEG cat/0.png\ndog/0.JPEG dog/0.png\n")
    assert evaluate_folder.main([*folders, "--name-list", str(tmp_path / "names.txt"), "--processes", "1"]) == 0
    out = capsys.readouterr().out
    assert "2 of 2 images" in out
    assert "100.00" in out


def test_flat_folder_needs_the_number_of_categories(tmp_path: Path, capsys) -> None:
    write_label_map(tmp_path / "a.png", np.full((4, 4), 3))
    arguments = [str(tmp_path), str(tmp_path), "--processes", "1"]
    assert evaluate_folder.main(arguments) == 1
    assert "give --num-categories" in capsys.readouterr().err
    assert evaluate_folder.main([*arguments, "--num-categories", "3", "--match", "identity"]) == 0


@pytest.mark.parametrize("arguments", [["--match", "nothing.json"], ["--name-list", "nothing.txt"]])
def test_missing_file_is_named(folders, capsys, arguments: list[str]) -> None:
    assert evaluate_folder.main([*folders, *arguments, "--processes", "1"]) == 1
    assert arguments[1] in capsys.readouterr().err


THRESHOLDS = ["--thresholds", "0.25", "0.75", "0.25"]


@pytest.fixture
def scores(folders, tmp_path: Path) -> str:
    """Three thirds of every image pass 0.25, the upper two 0.5, the uppermost 0.75."""
    for path in Path(folders[0]).rglob("*.png"):
        score = np.full((10, 10), 0.3)
        score[:5], score[:3] = 0.6, 0.9
        write_score_map(tmp_path / "scores" / path.relative_to(folders[0]), score)
    return str(tmp_path / "scores")


def miou_at(folders: tuple[str, str], rows: int) -> float:
    """By loops: what mIoU is when the first rows only keep what is predicted, with the right matching."""
    hits, areas = np.zeros(3), np.zeros(3)
    for path in Path(folders[1]).rglob("*.png"):
        true, predicted = read_label_map(path), read_label_map(Path(folders[0]) / path.relative_to(folders[1]))
        predicted = np.array([0, 2, 1])[predicted]
        predicted[rows:] = 0
        for label in range(3):
            hits[label] += ((true == label) & (predicted == label)).sum()
            areas[label] += ((true == label) | (predicted == label)).sum()
    return 100 * (hits / areas).mean()


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_threshold_curve_of_stored_scores(folders, scores, tmp_path: Path, capsys, processes: str) -> None:
    curve = str(tmp_path / "curve.csv")
    files = ["--curve-file", curve, "--scores-file", str(tmp_path / "s.json"), "--processes", processes]
    assert evaluate_folder.main([*folders, "--score-dir", scores, *THRESHOLDS, *files]) == 0
    rows = [line.split(",") for line in Path(curve).read_text().splitlines()]
    assert rows[0] == ["threshold", "mIoU"] and [row[0] for row in rows[1:]] == ["0.25", "0.5", "0.75"]
    expected = [miou_at(folders, kept) for kept in (10, 5, 3)]
    assert [float(row[1]) for row in rows[1:]] == pytest.approx(expected, abs=1e-3)
    report = json.loads((tmp_path / "s.json").read_text())
    assert report["scores"]["threshold"] == 0.25 and report["scores"]["mIoU"] == pytest.approx(expected[0])
    assert "foreground threshold 0.25: the best of 3" in capsys.readouterr().out


@pytest.mark.parametrize("name, begins", [("curve.svg", b"<?xml"), ("curve.png", b"\x89PNG")])
def test_curve_as_a_picture(folders, scores, tmp_path: Path, name: str, begins: bytes) -> None:
    arguments = ["--score-dir", scores, *THRESHOLDS, "--curve-file", str(tmp_path / name), "--processes", "1"]
    assert evaluate_folder.main([*folders, *arguments, "--no-boundaries"]) == 0
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_default_thresholds_are_the_published_ones() -> None:
    found = evaluate_folder.threshold_range(0, 0.8, 0.01)
    assert len(found) == 81 and found[41] == 0.41 and found[-1] == 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--thresholds", "0.5", "0.2", "0.1"], "thresholds ascend"),
        (["--thresholds", "0", "1", "0"], "thresholds ascend"),
        (["--curve-file", "curve.txt"], "a curve is written as one of .csv, .png"),
        (["--match", "majority"], "majority"),
    ],
)
def test_curves_that_cannot_be_made_are_refused(folders, scores, capsys, arguments: list[str], message: str) -> None:
    assert evaluate_folder.main([*folders, "--score-dir", scores, "--processes", "1", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_missing_scores_are_named(folders, scores, capsys) -> None:
    Path(scores, "cat", "1.png").unlink()
    assert evaluate_folder.main([*folders, "--score-dir", scores, "--processes", "1"]) == 1
    assert "unreadable score map" in capsys.readouterr().err


def test_curve_without_scores_is_a_wrong_call(folders, capsys) -> None:
    with pytest.raises(SystemExit):
        evaluate_folder.main([*folders, *THRESHOLDS])
    assert "give --score-dir" in capsys.readouterr().err


def test_old_name_of_the_number_of_clusters(tmp_path: Path, capsys) -> None:
    for folder, label in (("pred", 5), ("gt", 1)):
        write_label_map(tmp_path / folder / "cat" / "a.png", np.full((4, 4), label))
    folders = [str(tmp_path / "pred"), str(tmp_path / "gt"), "--processes", "1"]
    assert evaluate_folder.main(folders) == 1
    assert "prediction holds id 5; expected 0..1 (num_clusters)" in capsys.readouterr().err
    with pytest.warns(FutureWarning, match="--num-predicted is called --num-clusters now"):
        assert evaluate_folder.main([*folders, "--num-predicted", "5"]) == 0
    assert "num-predicted" not in evaluate_folder_help(capsys)


def evaluate_folder_help(capsys) -> str:
    with pytest.raises(SystemExit):
        evaluate_folder.main(["--help"])
    return capsys.readouterr().out
