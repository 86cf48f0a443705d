# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmluss.datasets.categories import subset_categories
from mmluss.datasets.label_codec import write_label_map

TOOL = Path(__file__).resolve().parents[2] / "tools" / "misc" / "check_dataset.py"
_spec = importlib.util.spec_from_file_location("check_dataset", TOOL)
check_dataset = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(check_dataset)


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        for index, category in enumerate(("a", "b"), start=1):
            for image in range(4):
                path = tmp_path / split / category / f"{image}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).save(path)
                if split == "validation":
                    ids = np.full((6, 8), index, np.uint16)
                    write_label_map(tmp_path / f"{split}-segmentation" / category / f"{image}.png", ids)
    return tmp_path


def run(capsys, *arguments) -> tuple[int, str]:
    status = check_dataset.main([*map(str, arguments)])
    return status, capsys.readouterr().out


def run_with_workers(*arguments) -> tuple[int, str]:
    command = [sys.executable, str(TOOL), *map(str, arguments), "--num-workers", "2"]
    # Wide enough that the table's cells are not cut off.
    environment = dict(os.environ, COLUMNS="200", PYTHONWARNINGS="ignore")
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    return result.returncode, result.stdout


@pytest.mark.parametrize("workers", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_sound_data_set(data_root, capsys, workers):
    status, out = run_with_workers(data_root) if workers else run(capsys, data_root, "--num-workers", 0)
    assert status == 0, out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert rows == [["train", "2", "8", "0", "0", "0"], ["validation", "2", "8", "8", "0", "0"]]


def test_lists_every_problem_in_one_pass(data_root, capsys):
    masks = data_root / "validation-segmentation"
    (masks / "a" / "0.png").unlink()
    Image.new("L", (8, 6)).save(masks / "a" / "1.png")
    write_label_map(masks / "a" / "2.png", np.full((5, 8), 3, np.uint16))
    write_label_map(masks / "b" / "0.png", np.full((6, 8), 1000, np.uint16))
    (masks / "b" / "1.png").write_bytes(b"")
    (data_root / "train" / "a" / "3.jpg").write_bytes(b"")
    (data_root / "validation" / "b" / "2.jpg").write_bytes(b"no image")
    (data_root / "validation" / "c").mkdir()
    status, out = run(capsys, data_root, "--num-workers", 0)
    assert status == 1
    found = [line for line in out.splitlines() if line.startswith(str(data_root))]
    assert found == [
        f"{data_root}/train/a/3.jpg: unreadable image (empty file)",
        f"{data_root}/validation/c: unknown category folder (not one of the 2 categories)",
        f"{masks}/a/0.png: missing mask",
        f"{masks}/a/1.png: wrong mode (label maps are 8-bit RGB PNGs, this one is 8-bit gray)",
        f"{masks}/a/2.png: wrong size (8 x 5 pixels, the image is 8 x 6)",
        f"{masks}/a/2.png: id out of range (3; ids are 0..2 and 1000)",
        f"{masks}/b/1.png: unreadable label map (not a PNG file)",
        f"{data_root}/validation/b/2.jpg: unreadable image (damaged, cut off or no image)",
    ]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert rows == [["train", "2", "8", "0", "0", "1"], ["validation", "2", "8", "7", "0", "7"]]


def test_names_that_are_no_text_are_shown_with_escapes(data_root, capsys):
    (data_root / "train" / "a" / "caf\udce9.jpg").touch()
    root = (data_root.parent / "r\udce9").absolute()
    data_root.rename(root)
    status, out = run(capsys, root, "--num-workers", 0)
    assert status == 1
    assert f"{root.parent}/r\\udce9/train/a/caf\\udce9.jpg: unreadable image (empty file)" in out.splitlines()


def test_photos_that_are_not_read_are_listed_without_being_read(data_root, capsys):
    (data_root / "train" / "a" / "deep").mkdir()
    (data_root / "train" / "a" / "deep" / "1.jpg").touch()
    (data_root / "train" / "b" / "1.gif").touch()
    status, out = run(capsys, data_root, "--num-workers", 0)
    assert status == 1
    assert [line.partition(" (")[0] for line in out.splitlines() if line.startswith(str(data_root))] == [
        f"{data_root}/train/a/deep: photos in a folder that is not read",
        f"{data_root}/train/b/1.gif: photo of a format that is not read",
    ]


def test_pseudo_labels_and_saliency_maps(data_root, capsys):
    for category in "ab":
        for image in range(4):
            write_label_map(data_root / "labels" / category / f"{image}.png", np.full((6, 8), 5, np.uint16))
            path = data_root / "saliency" / category / f"{image}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 6)).save(path)
    Image.new("RGB", (8, 6)).save(data_root / "saliency" / "b" / "3.png")
    roots = ["--splits", "train", "--label-root", data_root / "labels", "--saliency-root", data_root / "saliency"]
    status, out = run(capsys, data_root, *roots, "--num-workers", 0)
    assert status == 1
    assert out.count("id out of range (5; ids are 0..2 and 1000)") == 8
    assert f"{data_root}/saliency/b/3.png: wrong mode (saliency maps are 8-bit gray images" in out
    Image.new("L", (8, 6)).save(data_root / "saliency" / "b" / "3.png")
    status, out = run(capsys, data_root, *roots, "--num-clusters", 5, "--num-workers", 0)
    assert status == 0


def test_subset_needs_its_splits_and_categories(tmp_path, capsys):
    categories = subset_categories(50)
    for category in categories[:-1]:
        (tmp_path / "train" / category).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "train" / category / "1.png")
    status, out = run(capsys, tmp_path, "--subset", 50, "--num-workers", 0)
    assert status == 1
    assert f"{tmp_path}/train/{categories[-1]}: missing category folder" in out
    for split in ("train-semi", "validation"):
        assert f"{tmp_path}/{split}: no such folder; the splits in {tmp_path} are train" in out


def test_folder_without_splits(tmp_path, capsys):
    status, out = run(capsys, tmp_path)
    assert status == 1
    assert "no folder named train, train-full, train-semi, validation, test in it" in out


def test_maps_need_one_split(tmp_path, capsys):
    with pytest.raises(SystemExit):
        check_dataset.main([str(tmp_path), "--label-root", "labels"])
    assert "belong to one split: name it with --splits" in capsys.readouterr().err
