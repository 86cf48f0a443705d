# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmluss.datasets.imagenets import ImageNetSDataset
from mmluss.datasets.label_codec import read_label_map
from mmluss.datasets.synthetic.scenes import CATEGORIES

TOOL = Path(__file__).resolve().parents[2] / "tools" / "dataset_converters" / "mini_imagenets.py"
SMALL = ("--train", 2, "--train-semi", 1, "--validation", 1)


@pytest.fixture
def run_tool(monkeypatch):
    def run(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", [str(TOOL), *map(str, arguments)])
        runpy.run_path(str(TOOL), run_name="__main__")

    return run


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_layout(run_tool, tmp_path):
    run_tool(tmp_path / "mini", *SMALL, "--workers", 2)
    files = _files(tmp_path / "mini")
    expected = {"mini_imagenets.json"}
    for category in CATEGORIES:
        train = [f"{category}/{category}_train_{number:05d}" for number in (1, 2)]
        validation = f"{category}/{category}_validation_00001"
        expected |= {f"train/{name}.JPEG" for name in train}
        expected |= {f"train-semi/{train[0]}.JPEG", f"train-semi-segmentation/{train[0]}.png"}
        expected |= {f"validation/{validation}.JPEG", f"validation-segmentation/{validation}.png"}
    assert files.keys() == expected
    assert all(files[name] == files[name.replace("-semi", "")] for name in files if name.startswith("train-semi/"))
    assert len({files[name] for name in files if name.startswith(("train/", "validation/"))}) == 3 * len(CATEGORIES)
    for category_id, category in enumerate(CATEGORIES, start=1):
        stem = f"{category}/{category}_validation_00001"
        ids = read_label_map(tmp_path / "mini" / "validation-segmentation" / f"{stem}.png")
        image = cv2.imread(str(tmp_path / "mini" / "validation" / f"{stem}.JPEG"))
        assert image.shape[:2] == ids.shape
        assert set(np.unique(ids)) == {0, category_id, 1000}


def test_dataset_reads_it(run_tool, tmp_path):
    run_tool(tmp_path / "mini", *SMALL, "--workers", 1)
    dataset = ImageNetSDataset(data_root=str(tmp_path / "mini"), split="validation", pipeline=[])
    assert dataset.metainfo["classes"] == ("other", *CATEGORIES)
    assert [dataset.get_data_info(index)["category"] for index in range(len(dataset))] == [
        *range(1, len(CATEGORIES) + 1)
    ]


def test_files_depend_on_nothing_but_the_settings(run_tool, tmp_path):
    for name, arguments in {"a": ("--workers", 1), "b": ("--workers", 2), "c": ("--seed", 1)}.items():
        run_tool(tmp_path / name, *SMALL, *arguments)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")
    first, other = _files(tmp_path / "a"), _files(tmp_path / "c")
    assert first.keys() == other.keys() and all(first[name] != other[name] for name in first)


def test_existing_folders(run_tool, tmp_path):
    out = tmp_path / "mini"
    run_tool(out, *SMALL)
    marker = out / "validation" / "mine.txt"
    marker.touch()
    run_tool(out, *SMALL)
    assert marker.exists(), "a data set of the same settings is left alone"
    with pytest.raises(FileExistsError, match=r"mini holds a mini data set of other settings: .*--overwrite"):
        run_tool(out, *SMALL, "--seed", 5)
    assert marker.exists()
    run_tool(out, *SMALL, "--seed", 5, "--overwrite")
    assert not marker.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mini"]


def test_other_folders_are_never_replaced(run_tool, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(FileExistsError, match=r"photos exists and is not a mini data set"):
        run_tool(tmp_path / "photos", *SMALL, "--overwrite")
    assert (tmp_path / "photos").is_dir()


@pytest.mark.parametrize("arguments", [("--train", 0), ("--train-semi", 200), ("--workers", 0), ("--seed", -1)])
def test_bad_arguments(run_tool, tmp_path, capsys, arguments):
    with pytest.raises(SystemExit):
        run_tool(tmp_path / "mini", *arguments)
    assert "are at least 1" in capsys.readouterr().err


def test_nothing_half_written_is_left(run_tool, tmp_path, monkeypatch):
    monkeypatch.setattr("mmluss.datasets.synthetic.scenes.PHOTOS", {"skimage": ("data/no_such_photo.png",)})
    from mmluss.datasets.synthetic.scenes import load_photos

    load_photos.cache_clear()
    with pytest.raises(FileNotFoundError, match="no_such_photo"):
        run_tool(tmp_path / "mini", *SMALL)
    assert list(tmp_path.iterdir()) == []
