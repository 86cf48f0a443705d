# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From a folder of photos to named, outlined things, and on to new photos, by the commands people type."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.apis import inference_model, init_model
from mmseg.registry import MODELS
from skimage import data

from mmluss import Segmenter
from mmluss.apis.discovery.photo_configs import training_size
from mmluss.apis.steps.training_folder import last_checkpoint
from mmluss.cli import main
from mmluss.datasets.label_codec import read_label_map
from tests.helpers.messy_folder import write_messy_folder
from tests.helpers.no_network import guarded_environment, refused_connections

pytestmark = pytest.mark.slow


def mmluss(*arguments: object, cwd: Path, code: int = 0) -> str:
    """Run the command in another folder, without a network; what it shows."""
    watched = cwd / "watched"
    environment = guarded_environment(watched) | dict(COLUMNS="100", OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-m", "mmluss", *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr[-3000:]
    assert refused_connections(watched) == []
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Pieces of three real photos, and everything that a messy folder has."""
    root = tmp_path_factory.mktemp("my photos")
    write_messy_folder(root)
    rng = np.random.default_rng(0)
    for name, image in (("cat", data.chelsea()), ("rocket", data.rocket()), ("coffee", data.coffee())):
        for index in range(8):
            top, left = rng.integers(0, image.shape[0] - 160), rng.integers(0, image.shape[1] - 200)
            piece = image[top : top + 160, left : left + 200]
            (root / "trip").mkdir(exist_ok=True)
            cv2.imwrite(str(root / "trip" / f"{name} {index}.jpg"), piece[..., ::-1])
    return root


@pytest.fixture(scope="module")
def finished(photos, tmp_path_factory) -> tuple[Path, str]:
    """The folder of results lies inside of the photos' folder."""
    cwd = tmp_path_factory.mktemp("elsewhere")
    shown = mmluss("discover", photos, "--out", photos / "out", "--quick", "--clusters", 3, "--seed", 3, cwd=cwd)
    return photos / "out", shown


def test_screen_is_short_and_says_where_everything_is(finished):
    out, shown = finished
    lines = [line for line in shown.splitlines() if line.strip()]
    assert len(lines) < 40
    assert "INFO" not in shown and "Warning" not in shown
    assert str(out / "report" / "index.html") in shown
    assert "39 photos, 8 files left out" in shown and "notes.txt (not a photo by its suffix)" in shown


def test_results_cover_every_photo(finished, photos):
    out, _ = finished
    with open(out / "skipped.csv", encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 8
    run = json.loads((out / "run.json").read_text())
    assert (run["num_photos"], run["num_clusters"]) == (39, 3)
    names = (out / "work" / "photos.txt").read_text().splitlines()
    for name in names:
        assert read_label_map(out / "labels" / f"{name}.png").max() <= 3
    assert read_label_map(out / "labels" / "upside.jpg.png").shape == (48, 64)
    with open(out / "clusters.csv", encoding="utf-8-sig", newline="") as file:
        assert sum(int(row["photos"]) for row in csv.DictReader(file)) == 39
    assert "trip/cat" in (out / "report" / "index.html").read_text()


def test_seed_and_quick_reach_every_training(finished):
    out, _ = finished
    run, size = json.loads((out / "run.json").read_text()), training_size(39, quick=True)
    assert run["settings"]["seed"] == 3 and run["settings"]["quick"] is True
    for step, epochs in (
        ("pretrain", size.pretrain_epochs),
        ("pixel_attention", size.attention_epochs),
        ("finetune", size.finetune_epochs),
    ):
        checkpoint = last_checkpoint(out / "work" / run["steps"][step])
        meta = torch.load(checkpoint, map_location="cpu", weights_only=True)["meta"]
        assert (meta["seed"], meta["epoch"]) == (3, epochs)
    manifest = json.loads((out / "work" / run["steps"]["labels"] / "pixel_labels" / "manifest.json").read_text())
    assert manifest["settings"]["seed"] == 3


def test_names_reach_model_report_and_new_photos(finished, photos, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "out")
    (out / "clusters.csv").write_text("id,name,merge_into,drop\n1,fur,,\n2,metal,1,\n3,mist,,x\n")
    mmluss("name", out, cwd=tmp_path)
    meta = torch.load(out / "model.pth", map_location="cpu", weights_only=True)["meta"]["dataset_meta"]
    assert list(meta["classes"]) == ["other", "fur", "fur", "other"]
    assert meta["palette"][1] == meta["palette"][2] and meta["palette"][3] == meta["palette"][0]
    assert "<h3>fur</h3>" in (out / "report" / "index.html").read_text()
    result = Segmenter(out)(photos / "trip" / "cat 0.jpg")
    assert set(result.categories) <= {"fur"} and set(np.unique(result.label_map)) <= {0, 1}
    shown = mmluss("export", out, "--format", "coco", cwd=tmp_path)
    content = json.loads((out / "export" / "coco" / "annotations.json").read_text())
    assert [category["name"] for category in content["categories"]] == ["fur"] and str(out) in shown


def test_new_photos(finished, photos, tmp_path):
    mmluss(
        "segment", finished[0], photos, "--out", tmp_path / "new", "--save", "overlay,mask,cutout,json", cwd=tmp_path
    )
    for kind, suffix in (("overlay", "jpg"), ("mask", "png"), ("cutout", "png"), ("json", "json")):
        assert (tmp_path / "new" / kind / "trip" / f"cat 1.jpg.{suffix}").is_file()
    mask = read_label_map(tmp_path / "new" / "mask" / "upside.jpg.png")
    cutout = cv2.imread(str(tmp_path / "new" / "cutout" / "upside.jpg.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == cutout.shape[:2] == (48, 64)
    np.testing.assert_array_equal(cutout[..., 3] > 0, mask > 0)
    things = json.loads((tmp_path / "new" / "json" / "trip" / "cat 1.jpg.json").read_text())["things"]
    assert {thing["id"] for thing in things} == set(
        np.unique(read_label_map(tmp_path / "new/mask/trip/cat 1.jpg.png"))
    ) - {0}
    assert all(0 < thing["score"] <= 1 for thing in things)
    shown = mmluss("segment", finished[0], photos / "empty.jpg", "--out", tmp_path / "none", cwd=tmp_path, code=1)
    assert "nothing could be segmented, such as empty.jpg (an empty file)" in shown


def test_mmseg_runs_the_final_checkpoint(finished, photos):
    folder = finished[0] / "work" / "5_finetune_3"
    checkpoint = last_checkpoint(folder)
    model = init_model(str(folder / "config.py"), str(checkpoint), device="cpu")
    assert list(model.dataset_meta["classes"]) == ["other", "cluster 1", "cluster 2", "cluster 3"]
    sample = inference_model(model, str(photos / "trip" / "cat 0.jpg"))
    expected = Segmenter(finished[0])(photos / "trip" / "cat 0.jpg").label_map
    np.testing.assert_array_equal(sample.pred_sem_seg.data[0].numpy(), expected)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["discover", "nowhere", "--out", "out"], "nowhere: no such folder"),
        (["discover", "few", "--out", "out"], "2 photos are too few"),
        (["discover", "few", "--out", "out", "--strict"], "bad.jpg (an empty file)"),
        (["segment", "few", "few", "--out", "out"], "run.json is not in it"),
        (["name", "few"], "run.json is not in it"),
    ],
)
def test_mistakes_are_named_on_the_last_line(tmp_path, monkeypatch, capsys, arguments, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "few" / name), np.zeros((40, 40, 3), np.uint8))
    (tmp_path / "few" / "bad.jpg").write_bytes(b"")
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 1
    shown = capsys.readouterr().err
    assert reason in " ".join(shown[shown.index("failed:") :].split())


def test_check_runs_nothing(photos, tmp_path):
    shown = mmluss("check", photos / "trip", "--out", tmp_path / "out", cwd=tmp_path)
    assert "24 photos, 0 files left out" in shown
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["skipped.csv"]


@pytest.fixture(scope="module")
def own_network(tmp_path_factory) -> tuple[Path, Path]:
    """Config and checkpoint of a narrow ResNet with random weights."""
    folder = tmp_path_factory.mktemp("network")
    # Not fewer channels: the gradient of a 1x1 convolution of 8 to 16 channels with stride 2 on a map of 48 x 48 in
    # channels-last writes beyond its memory in oneDNN 3.10 (torch 2.11).
    backbone = dict(type="ResNet", depth=18, base_channels=16, stem_channels=16)
    Config(dict(model=dict(backbone=backbone))).dump(folder / "network.py")
    torch.manual_seed(0)
    init_default_scope("mmseg")
    torch.save(MODELS.build(backbone).state_dict(), folder / "weights.pth")
    return folder / "network.py", folder / "weights.pth"


@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes on CPUs; with GPUs there must be two")
def test_backbone_is_where_a_run_starts_and_processes_share_it(photos, own_network, tmp_path):
    options = ["--quick", "--clusters", 2, "--gpus", 2, "--backbone", *own_network]
    mmluss("discover", photos / "trip", "--out", tmp_path / "out", *options, cwd=tmp_path)
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["start"] == "ResNet with the weights of weights.pth"
    assert set(run["steps"]) == {"pixel_attention", "labels", "finetune"}
    assert run["start"] in (tmp_path / "out" / "report" / "index.html").read_text()
    weights = torch.load(own_network[1], weights_only=True)
    labeled = torch.load(
        tmp_path / "out" / "work" / run["steps"]["labels"] / "pixel_labels.pth", map_location="cpu", weights_only=True
    )
    # Frozen in step 2, trained in step 3.
    matrices = [name for name, value in weights.items() if value.ndim > 1]
    assert all(torch.equal(labeled["state_dict"][f"backbone.{name}"], weights[name]) for name in matrices)
    # Two processes trained it.
    for step in ("2_pixel_attention", "5_finetune_2"):
        assert "2 processes on CPUs, joined by gloo" in (tmp_path / "out" / "logs" / f"{step}.log").read_text()
        assert (tmp_path / "out" / "logs" / f"{step}.1.log").is_file()
    config = Config.fromfile(tmp_path / "out" / "work" / "2_pixel_attention" / "config.py")
    assert config.train_dataloader.batch_size == training_size(24).batch_size / 2
    segmenter = Segmenter(tmp_path / "out")
    assert type(segmenter.model.backbone).__name__ == "ResNet"
    changes = [(segmenter.model.state_dict()[f"backbone.{name}"] - weights[name]).abs().max() for name in matrices]
    assert 0 < max(changes) < 1


def test_a_backbone_that_does_not_fit_ends_before_any_work(photos, own_network, tmp_path):
    torch.save({"layers.0.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    options = ["--backbone", own_network[0], tmp_path / "other.pth"]
    shown = mmluss("discover", photos / "trip", "--out", tmp_path / "out", *options, cwd=tmp_path, code=1)
    assert "Traceback" not in shown
    assert "other.pth fills 0 of 60 weights of ResNet" in shown[shown.index("failed:") :]
    assert not (tmp_path / "out").exists()


def test_another_number_of_clusters_keeps_training(finished, photos, tmp_path):
    """The last of these tests: the result becomes another."""
    out = finished[0]
    run = json.loads((out / "run.json").read_text())
    step = out / "work" / "2_pixel_attention" / "last_checkpoint"
    before = step.stat().st_mtime_ns
    logs = {path.name for path in (out / "logs").iterdir()}
    options = ["--quick", "--seed", 3, "--clusters", 2, "--threshold", 0.45, "--verbose", "--rounds", 2]
    (out / "clusters.csv").write_text("id,name\n1,fur\n2,metal\n3,mist\n")
    shown = mmluss("discover", photos, "--out", out, *options, cwd=tmp_path)
    # What the steps print is on the screen, so no log is written.
    assert "Epoch(train)" in shown and "label maps in" in shown
    assert {path.name for path in (out / "logs").iterdir()} == logs
    changed = json.loads((out / "run.json").read_text())
    assert f"as you had written them: {out / 'clusters.old.csv'}" in shown
    assert "metal" in (out / "clusters.old.csv").read_text()
    assert changed["num_clusters"] == 2 and changed["settings"]["threshold"] == 0.45
    assert step.stat().st_mtime_ns == before
    assert changed["seconds"]["1_pretrain"] == run["seconds"]["1_pretrain"]
    # The results of the former settings are gone, those of both rounds are there.
    for step in ("4_labels", "5_finetune"):
        names = sorted(path.name for path in (out / "work").glob(f"{step}_*"))
        assert names == [f"{step}_2_0.45", f"{step}_2_0.45_round2"]
    assert changed["steps"]["labels"] == "4_labels_2_0.45"
    final = out / "work" / changed["steps"]["finetune"]
    assert final.name == "5_finetune_2_0.45_round2"
    labels = Path(Config.fromfile(final / "config.py").train_dataloader.dataset.label_root)
    assert labels == out / "work" / "4_labels_2_0.45_round2" / "pixel_labels"
    first = Segmenter(last_checkpoint(out / "work" / "5_finetune_2_0.45"))
    for name in ("trip/cat 0.jpg", "trip/rocket 3.jpg", "upside.jpg"):
        np.testing.assert_array_equal(read_label_map(labels / f"{name}.png"), first(photos / name).label_map)
    weights = [
        torch.load(path, map_location="cpu", weights_only=True) for path in (out / "model.pth", last_checkpoint(final))
    ]
    assert all(torch.equal(value, weights[0]["state_dict"][name]) for name, value in weights[1]["state_dict"].items())
