# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""mmseg's own tools and inferencers on what training leaves, with masks and without, by the config it saved."""

import shutil
import sys
import uuid
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model
from PIL import Image

from mmluss.apis.discovery.photo_configs import read_photos
from mmluss.apis.steps.training_folder import last_checkpoint
from mmluss.apis.tools.mmseg_tools import run_mmseg_tool
from mmluss.datasets.label_codec import read_label_map, write_label_map
from tests.helpers.small_runs import BATCH, small_config
from tests.helpers.small_world import CATEGORIES, tinted_photo
from tests.helpers.tiny_data import write_image_folder

pytestmark = pytest.mark.slow

NAME = "pass/pass-finetune_r18_1xb32-10e_mini-imagenets.py"


class Trained(NamedTuple):
    """A finished training whose data are gone but for what is tested."""

    config: Path
    checkpoint: Path
    tested: list[Path]
    root: Path


def run_tool(tool: str, *arguments: object, **options: object) -> None:
    """Run a tool in this process, under names of its own."""
    options |= {"visualizer.name": uuid.uuid4().hex, "experiment_name": uuid.uuid4().hex}
    changes = [f"{key}={value}" for key, value in options.items()]
    given = sys.argv
    try:
        run_mmseg_tool(tool, [*map(str, arguments), "--cfg-options", *changes])
    finally:
        sys.argv = given


def train(cfg: Config, folder: Path, root: Path, kept: str) -> Trained:
    cfg.train_dataloader.dataset.indices = BATCH
    cfg.model.decode_head.num_classes = 1 + len(CATEGORIES)
    cfg.dump(folder / "config.py")
    run_tool("train", folder / "config.py", "--work-dir", folder, "--resume")
    for entry in root.iterdir():
        if not entry.name.startswith(kept):
            shutil.rmtree(entry)
    tested = sorted(path for path in (root / kept).rglob("*") if path.is_file())
    return Trained(folder / "config.py", last_checkpoint(folder), tested, root / kept)


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Trained:
    """Images of the same names in different folders, with masks."""
    root, rng = tmp_path_factory.mktemp("scored"), np.random.default_rng(0)
    write_image_folder(root, "train", CATEGORIES, 2, tinted_photo, rng, masks=True)
    write_image_folder(root, "validation", CATEGORIES, 2, tinted_photo, rng, masks=True)
    cfg = small_config(NAME, root, root)
    cfg.test_dataloader.dataset.pop("indices")
    cfg.test_pipeline = cfg.test_dataloader.dataset.pipeline
    return train(cfg, tmp_path_factory.mktemp("scored run"), root, "validation")


@pytest.fixture(scope="module")
def unscored(tmp_path_factory) -> Trained:
    """Photos in folders, one of them on its side by EXIF data; there are no masks."""
    root, rng = tmp_path_factory.mktemp("unscored"), np.random.default_rng(1)
    write_image_folder(root, "photos", ("trip", "home"), 3, tinted_photo, rng)
    turned = Image.fromarray(cv2.imread(str(root / "photos/trip/image_0.JPEG"))[..., ::-1])
    turned.getexif()[0x0112] = 6
    turned.save(root / "photos/trip/image_0.JPEG", exif=turned.getexif())
    names = [f"{folder}/image_{index}.JPEG" for folder in ("home", "trip") for index in range(3)]
    (root / "photos.txt").write_text("".join(f"{name}\n" for name in names))
    for name in names:
        with Image.open(root / "photos" / name) as image:
            size = image.size[::-1] if name == "trip/image_0.JPEG" else image.size
        write_label_map(root / "labels" / f"{name}.png", rng.integers(0, 4, size[::-1]))
    folder = tmp_path_factory.mktemp("unscored run")
    shutil.move(root / "photos.txt", folder / "photos.txt")
    cfg = small_config(NAME, root, root)
    photos = dict(data_root=str(root / "photos"), photo_list=str(folder / "photos.txt"), num_clusters=3)
    read_photos(cfg, photos | dict(label_root=str(root / "labels")))
    cfg.test_dataloader.dataset.label_root = False
    cfg.train_dataloader.num_workers = cfg.test_dataloader.num_workers = 0
    cfg.train_cfg.pop("val_interval", None)
    return train(cfg, folder, root, "photos")


@pytest.fixture(params=["scored", "unscored"])
def trained(request) -> Trained:
    return request.getfixturevalue(request.param)


def test_saved_configs_ask_for_no_training_to_resume(trained):
    assert Config.fromfile(trained.config).resume is False
    checkpoint = torch.load(trained.checkpoint, map_location="cpu", weights_only=True)
    for text in (checkpoint["meta"]["cfg"], checkpoint["message_hub"]["runtime_info"]["cfg"]):
        assert Config.fromstring(text, ".py").resume is False


def test_every_image_is_drawn_and_every_prediction_written(trained, tmp_path):
    arguments = ("--show-dir", tmp_path / "drawn", "--out", tmp_path / "out", "--work-dir", tmp_path / "work")
    run_tool("test", trained.config, trained.checkpoint, *arguments, resume=True)
    drawn, written = sorted((tmp_path / "drawn").rglob("*.png")), sorted((tmp_path / "out").rglob("*.png"))
    assert len(drawn) == len(written) == len(trained.tested) == 6
    with_masks = trained.root.name == "validation"
    model = init_model(str(trained.config), str(trained.checkpoint), device="cpu")
    for picture, labels, photo in zip(drawn, written, trained.tested, strict=True):
        relative = photo.relative_to(trained.root)
        stem = str(relative.with_suffix("") if with_masks else relative)
        assert str(picture).endswith(f"/{stem}_0.png") and str(labels) == f"{tmp_path / 'out' / stem}.png"
        ids = read_label_map(labels)
        np.testing.assert_array_equal(ids, inference_model(model, str(photo)).pred_sem_seg.data[0].numpy())
        # Truth and prediction stand beside each other where there are masks.
        assert cv2.imread(str(picture)).shape[:2] == (ids.shape[0], ids.shape[1] * (2 if with_masks else 1))


def test_flips_and_scales(trained, tmp_path):
    before = trained.config.read_text()
    outputs = {}
    for name, options in (("plain", ()), ("tta", ("--tta",))):
        run_tool("test", trained.config, trained.checkpoint, *options, "--out", tmp_path / name)
        files = sorted((tmp_path / name).rglob("*.png"))
        outputs[name] = np.concatenate([read_label_map(file).ravel() for file in files])
    assert outputs["plain"].shape == outputs["tta"].shape and (outputs["plain"] != outputs["tta"]).any()
    assert trained.config.read_text() == before


def test_inferencers(trained, tmp_path):
    photo = next(path for path in trained.tested if path.name == "image_0.JPEG" and path.parent.name != "home")
    model = init_model(str(trained.config), str(trained.checkpoint), device="cpu")
    expected = inference_model(model, str(photo)).pred_sem_seg.data[0].numpy()
    for model_config in (str(trained.config), None):
        inferencer = MMSegInferencer(model_config, weights=str(trained.checkpoint), device="cpu")
        result = inferencer(str(photo), out_dir=str(tmp_path), return_vis=True)
        np.testing.assert_array_equal(result["predictions"], expected)
        assert result["visualization"].shape == (*expected.shape, 3)
    image = np.ascontiguousarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8))
    assert inference_model(model, image).pred_sem_seg.data.shape == (1, 50, 70)
