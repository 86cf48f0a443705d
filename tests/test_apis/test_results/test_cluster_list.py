# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mmluss.apis.results.cluster_list import COLUMNS, write_cluster_list
from mmluss.datasets.label_codec import read_label_map, write_label_map
from tests.helpers.small_runs import run, small_config, write_data


def rows_of(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def label_maps(tmp_path) -> Path:
    maps = {"n1/a": np.zeros((4, 5), int), "n1/b": np.full((4, 5), 3), "n2/c": np.full((2, 10), 300)}
    maps["n1/b"][:1] = 1
    maps["n2/c"][0], maps["n2/c"][1, :4] = 0, 1000
    for name, ids in maps.items():
        write_label_map(tmp_path / "labels" / f"{name}.png", ids)
    return tmp_path / "labels"


def test_folder_of_label_maps(label_maps, tmp_path) -> None:
    assert write_cluster_list(label_maps, tmp_path / "list.csv") == 3
    rows = rows_of(tmp_path / "list.csv")
    assert list(rows[0]) == ["image", "pixel_cluster", "pixel_cluster_share", "foreground_share"]
    assert [tuple(row.values()) for row in rows] == [
        ("n1/a", "0", "0.0000", "0.0000"),
        ("n1/b", "3", "0.7500", "1.0000"),
        ("n2/c", "300", "1.0000", "0.3750"),
    ]


@pytest.mark.slow
def test_work_folder_of_step_2(tmp_path) -> None:
    write_data(tmp_path / "data")
    cfg = small_config("pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py", tmp_path / "data", tmp_path / "run")
    cfg.train_dataloader.dataset.indices = None
    run(cfg)
    assert write_cluster_list(tmp_path / "run", tmp_path / "list.csv") == 6
    rows = rows_of(tmp_path / "list.csv")
    assert tuple(rows[0]) == COLUMNS
    files = sorted((tmp_path / "run" / "pixel_labels").rglob("*.png"))
    names = [path.relative_to(tmp_path / "run" / "pixel_labels").with_suffix("").as_posix() for path in files]
    assert [row["image"] for row in rows] == names
    sizes = json.loads((tmp_path / "run" / "pixel_labels" / "manifest.json").read_text())["clustering"]
    clusters = np.array([int(row["cluster"]) for row in rows])
    assert np.bincount(clusters - 1, minlength=3).tolist() == sizes["images_of_cluster"]
    for row, path in zip(rows, files, strict=True):
        pixels = np.bincount(read_label_map(path).ravel(), minlength=2)
        assert float(row["foreground_share"]) == pytest.approx(1 - pixels[0] / pixels.sum(), abs=1e-4)
        assert int(row["pixel_cluster"]) == (pixels[1:].argmax() + 1 if pixels[1:].any() else 0)
        assert 0 <= float(row["margin"]) <= 2 and float(row["typicality"]) <= 1.001


def test_a_folder_without_embeddings_says_what_to_give(label_maps, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    label_maps.rename(tmp_path / "run" / "pixel_labels")
    with pytest.raises(FileNotFoundError, match=r"centroids\.npy.*: not there.* give .*pixel_labels"):
        write_cluster_list(tmp_path / "run", tmp_path / "list.csv")
    assert not (tmp_path / "list.csv").exists()


@pytest.mark.parametrize("made, error", [(True, ValueError), (False, FileNotFoundError)])
def test_nothing_to_list(tmp_path, made: bool, error: type[Exception]) -> None:
    if made:
        (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=r"empty"):
        write_cluster_list(tmp_path / "empty", tmp_path / "list.csv")
