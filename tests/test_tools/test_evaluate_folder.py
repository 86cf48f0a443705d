# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from mmluss.datasets.label_codec import write_label_map

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
