# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The published settings, one command each, on an ImageNet-S-50 of 200 small images; in one process and in two.

They run in double precision: single rounds sums of two processes another way than those of one, and LARC makes a step
of any gradient, also of one that is only rounding, as of a bias before normalization.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmluss.apis.tools.data_folders import read_from
from mmluss.datasets.categories import subset_categories
from mmluss.datasets.label_codec import read_label_map
from mmluss.evaluation.matching import read_match
from mmluss.utils.folder_lock import LOCK_FILE
from tests.helpers.ports import unused_port
from tests.helpers.tiny_imagenets import SIDE, prepare_tiny_imagenets50
from tests.helpers.tiny_overrides import tiny_overrides
from tests.helpers.tiny_steps import CONFIGS

PIPELINES = sorted((CONFIGS / "pipelines").glob("*imagenets*0.py")) + sorted(
    (CONFIGS / "pipelines").glob("*imagenets919.py")
)
STEPS = ["1_pretrain", "2_pixel_attention", "2_pixel_labels_test", "3_finetune", "4_test", "5_submission"]
BATCH = 20


def texts(node: object) -> list[str]:
    """All texts in a nested config."""
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ()
    return [text for child in children for text in texts(child)]


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_steps_of_a_published_setting_belong_together(path):
    cfg = Config.fromfile(path)
    steps = {name: Config.fromfile(path.parent / cfg[name]) for name in ("pretrain", "pixel_attention", "finetune")}
    categories = cfg.num_clusters
    assert cfg.data_root == f"data/ImageNetS{categories}" and path.stem.endswith(f"imagenets{categories}")
    assert steps["pixel_attention"].default_hooks.pseudo_labels.num_clusters == categories
    assert steps["finetune"].model.decode_head.num_classes == categories + 1
    assert steps["pretrain"].train_dataloader.dataset.split == ("train-full" if categories == 919 else "train")
    for step in steps.values():
        assert step.train_dataloader.dataset.subset == categories
        assert read_from(step, "/elsewhere/data") > 0
        read = [text for key, node in step.items() if not isinstance(node, str) for text in texts(node)]
        assert not [text for text in read if text.startswith("data/")]
        assert "/elsewhere/data" in read


def test_paths_below_the_data_follow_it():
    cfg = Config.fromfile(CONFIGS / "pass" / "pass-pixel-attention-saliency_r18_8xb32-20e_imagenets50.py")
    read_from(cfg, "/elsewhere")
    assert cfg.default_hooks.pseudo_labels.saliency_root == "/elsewhere/train-saliency"
    assert cfg.model.pretrained.startswith("work_dirs/")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return prepare_tiny_imagenets50(tmp_path_factory.mktemp("imagenets"))


def run_tool(
    folder: Path, data: Path, base: str, batch_size: int, *options: str, machines: Sequence[dict[str, str]] = ({},)
) -> Path:
    """One command on each machine, in a folder that has no ``data``; gives the work folder.

    Args:
        folder: Where the commands run; they share its ``work``.
        data: The data set.
        base: Name of a pipeline config.
        batch_size: Of each process.
        *options: Of the tool.
        machines: Environment variables of each.
    """
    config = folder / f"{batch_size}.py"
    base = str(CONFIGS / "pipelines" / base)
    overrides = tiny_overrides(batch_size)
    for step in overrides.values():
        step["custom_imports"] = dict(imports=["tests.helpers.double_precision", "tests.helpers.quick_mmengine"])
    overrides["pixel_attention"]["default_hooks"]["pseudo_labels"]["dtype"] = "float32"
    config.write_text(f"_base_ = {base!r}\noverrides = {overrides!r}\n")
    path = os.pathsep.join([str(CONFIGS.parent), os.environ.get("PYTHONPATH", "")])
    environment = dict(os.environ, OMP_NUM_THREADS="1", GLOO_SOCKET_IFNAME="lo", COLUMNS="200", PYTHONPATH=path)
    command = [sys.executable, str(CONFIGS.parent / "tools" / "run_pipeline.py"), str(config)]
    command += ["--data-root", str(data), "--work-dir", str(folder / "work"), *options]
    keep = dict(cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    running = [subprocess.Popen(command, env=environment | more, **keep) for more in machines]
    shown = [process.communicate()[0] for process in running]
    for process, text in zip(running, shown, strict=True):
        assert process.returncode == 0, text[-3000:]
    (folder / "shown.txt").write_text("".join(shown))
    return folder / "work"


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory) -> Path:
    return run_tool(tmp_path_factory.mktemp("alone"), data, "pass_r18_imagenets50.py", BATCH)


@pytest.fixture(scope="module")
def together(data, tmp_path_factory) -> Path:
    options = ("--launcher", "pytorch", "--gpus", "2")
    return run_tool(tmp_path_factory.mktemp("together"), data, "pass_r18_imagenets50.py", BATCH // 2, *options)


@pytest.fixture(scope="module")
def on_two_machines(data, tmp_path_factory) -> Path:
    options = ("--launcher", "pytorch", "--gpus", "1")
    common = dict(NNODES="2", MASTER_ADDR="127.0.0.1", PORT=str(unused_port()))
    machines = [common | dict(NODE_RANK=str(rank)) for rank in range(2)]
    folder = tmp_path_factory.mktemp("machines")
    return run_tool(folder, data, "pass_r18_imagenets50.py", BATCH // 2, *options, machines=machines)


def report_of(work: Path) -> dict:
    return json.loads((work / "report.json").read_text())


@pytest.mark.slow
def test_one_command_runs_everything_on_data_elsewhere(alone, data):
    report = report_of(alone)
    assert [step["name"] for step in report["steps"]] == STEPS
    assert report["data_root"] == str(data) and "from scratch" in report["protocol"]
    assert set(report["miou"]) == {"pixel labels (step 2)", "fine-tuned (step 4)"}
    assert 0 <= report["steps"][1]["figures"]["threshold"] <= 0.8
    assert len(list((alone / "2_pixel_attention" / "pixel_labels").rglob("*.png"))) == 100
    assert cv2.imread(str(alone / "panel.png")) is not None
    shown = [line for line in (alone.parent / "shown.txt").read_text().splitlines() if line.strip()]
    assert f"For the evaluation server: {alone / '5_submission' / 'submission.zip'}" in shown
    assert len(shown) < 40 and not [line for line in shown if "INFO" in line or "Warning" in line]


@pytest.mark.slow
def test_submission_holds_every_test_image_as_the_server_wants_it(alone, data):
    report = report_of(alone)
    images = sorted(path.relative_to(data / "test").with_suffix("") for path in (data / "test").rglob("*.JPEG"))
    assert len(images) == 50
    with zipfile.ZipFile(report["submission"]) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        assert sorted(names) == sorted(["match.json", "method.txt", *(f"{image}.png" for image in images)])
        assert archive.read("match.json") == (alone / "4_test" / "match.json").read_bytes()
        method = archive.read("method.txt").decode().splitlines()
        assert method[0] == "Method name: PASS" and method[3] == "Networks: ResNet-18" and len(method) == 6
        archive.extractall(alone / "unpacked")
    categories = read_match(alone / "4_test" / "match.json", 50)
    assert sorted(categories) == list(range(51))
    for image in images:
        ids = read_label_map(alone / "unpacked" / f"{image}.png")
        assert ids.shape == (SIDE, SIDE) and ids.max() <= 50


@pytest.mark.slow
def test_saliency_starts_anew_from_the_same_pretraining(alone, data, tmp_path):
    work = shutil.copytree(alone, tmp_path / "work")
    saliency = tmp_path / "data"
    saliency.mkdir()
    for entry in data.iterdir():
        (saliency / entry.name).symlink_to(entry)
    for path in sorted((data / "train").glob("*/*.JPEG")):
        target = saliency / "train-saliency" / path.parent.name / f"{path.stem}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        # The boxes are brighter than the noise.
        cv2.imwrite(str(target), (cv2.imread(str(path)).max(axis=2) > 100).astype(np.uint8) * 255)
    run_tool(tmp_path, saliency, "pass-saliency_r18_imagenets50.py", BATCH)
    report = report_of(work)
    assert [step["name"] for step in report["steps"]] == STEPS
    assert set(report["miou"]) == {"pixel attention without saliency (step 2)", "fine-tuned (step 4)"}
    shares = []
    for path in sorted((work / "2_pixel_attention" / "pixel_labels").rglob("*.png")):
        map_path = saliency / "train-saliency" / path.parent.name / path.name
        shares.append(((read_label_map(path) > 0) == (cv2.imread(str(map_path), 0) >= 128)).mean())
    assert len(shares) == 100 and min(shares) == 1
    assert "PASS with saliency maps" in zipfile.ZipFile(report["submission"]).read("method.txt").decode()
    for step in STEPS:
        assert ".new" not in (work / step / "config.py").read_text()
    assert {path.name for path in work.glob(".*")} <= {LOCK_FILE}


def assert_same_weights(one: Path, two: Path) -> None:
    """A step has come to the same weights.

    Of each process's own are its part of the queue, and what has a row for each image of its batch.
    """
    alone, together = (
        torch.load(step / "epoch_2.pth", map_location="cpu", weights_only=True)["state_dict"] for step in (one, two)
    )
    assert alone.keys() == together.keys()
    compared = 0
    for name in alone:
        if not name.startswith(("queue.", "decode_head.threshold")):
            torch.testing.assert_close(together[name], alone[name], rtol=1e-9, atol=1e-9, msg=f"{one.name} {name}")
            compared += alone[name].dtype == torch.float64
    assert compared > 50


def maps_of(folder: Path) -> np.ndarray:
    return np.stack([read_label_map(path) for path in sorted(folder.rglob("*.png"))])


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["together", "on_two_machines"])
def test_two_processes_give_the_results_of_one(processes, alone, request):
    together = request.getfixturevalue(processes)
    assert "No GPU here: 2 processes on CPUs, joined by gloo." in (together.parent / "shown.txt").read_text()
    for step in ("1_pretrain", "2_pixel_attention", "3_finetune"):
        assert_same_weights(alone / step, together / step)
    for folder, images in (("2_pixel_attention/pixel_labels", 100), ("5_submission/predictions", 50)):
        one, two = (maps_of(work / folder) for work in (alone, together))
        assert one.shape == (images, SIDE, SIDE)
        np.testing.assert_array_equal(two, one, folder)
    one, two = (np.load(work / "2_pixel_attention" / "centroids.npy") for work in (alone, together))
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6)
    one, two = (report_of(work) for work in (alone, together))
    assert [step["name"] for step in two["steps"]] == STEPS
    assert two["miou"] == pytest.approx(one["miou"], abs=1e-9)
    assert two["steps"][1]["figures"] == pytest.approx(one["steps"][1]["figures"], abs=1e-6)


def test_categories_of_the_small_set_are_those_of_imagenets50(data):
    assert sorted(path.name for path in (data / "train").iterdir()) == list(subset_categories(50))
    assert all((data / "train" / category).is_symlink() for category in subset_categories(50))
