# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS

import mmluss  # noqa: F401
from mmluss.datasets.label_codec import write_label_map
from mmluss.engine.hooks import support_hook
from tests.helpers.two_processes import run_in_two_processes

init_default_scope("mmseg")

CATEGORIES = ("amber", "blue", "coral")
PIPELINE = [
    dict(type="LoadImageFromFile"),
    dict(type="mmpretrain.ResizeEdge", scale=64, edge="short", backend="pillow", interpolation="bilinear"),
    dict(type="LoadImageNetSAnnotations"),
    dict(type="PackSegInputs"),
]
SIZES = ((48, 36), (36, 48), (40, 40))
MODEL = dict(
    type="KNNSegmentor",
    backbone=dict(type="ResNet", depth=18, stem_channels=4, base_channels=4),
    data_preprocessor=dict(type="SegDataPreProcessor", mean=[127.0] * 3, std=[64.0] * 3, bgr_to_rgb=True),
)


@pytest.fixture
def photo_root(tmp_path) -> Path:
    """Noise with a square in the color of its category: 7 with masks for supports, 3 for validation."""
    rng = np.random.default_rng(0)
    for split, counts in (("train-semi", (3, 2, 2)), ("validation", (1, 1, 1))):
        for number, (category, count) in enumerate(zip(CATEGORIES, counts, strict=True)):
            for index in range(count):
                width, height = SIZES[index]
                photo = rng.integers(0, 60, (height, width, 3), np.uint8)
                ids = np.zeros((height, width), int)
                ids[8:30, 5:28] = number + 1
                ids[0] = 1000
                photo[..., number][ids == number + 1] += 180
                path = tmp_path / "data" / split / category / f"{category}_{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), photo)
                write_label_map(tmp_path / "data" / f"{split}-segmentation" / category / path.name, ids)
    return tmp_path / "data"


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return save_checkpoint(tmp_path / "backbone.pth", seed=0)


def save_checkpoint(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    torch.save(dict(state_dict=MODELS.build(MODEL).state_dict()), path)
    return path


def make_config(photo_root: Path, work_dir: Path, checkpoint: Path, **model) -> Config:
    def dataset(split: str) -> dict:
        return dict(type="ImageNetSDataset", data_root=str(photo_root), split=split, pipeline=PIPELINE, test_mode=True)

    return Config(
        dict(
            default_scope="mmseg",
            work_dir=str(work_dir),
            load_from=str(checkpoint),
            model=MODEL | model,
            custom_hooks=[dict(type="SupportHook", dataset=dataset("train-semi"), num_workers=0)],
            test_dataloader=dict(
                batch_size=1, sampler=dict(type="DefaultSampler", shuffle=False), dataset=dataset("validation")
            ),
            test_evaluator=dict(type="LUSSMetric", matching="identity"),
            test_cfg=dict(type="TestLoop"),
            log_level="WARNING",
        )
    )


def run_test(config: Config, name: str) -> tuple[dict, torch.nn.Module]:
    config.experiment_name = name
    runner = Runner.from_cfg(config)
    return runner.test(), runner.model


def supports_in(work_dir: Path) -> dict[str, np.ndarray]:
    with np.load(work_dir / "supports.npz", allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture
def making(monkeypatch) -> list:
    """One entry for each time that supports are made."""
    calls = []
    make = support_hook.make_supports
    monkeypatch.setattr(support_hook, "make_supports", lambda *args: calls.append(args) or make(*args))
    return calls


def test_testing_makes_supports_predicts_and_keeps_them(photo_root, checkpoint, tmp_path, making):
    config = make_config(photo_root, tmp_path / "work", checkpoint)
    scores, model = run_test(config, "first")
    stored = supports_in(tmp_path / "work")
    # Each image has two labels, 0 and its category; the folders come in alphabetical order.
    assert stored["labels"].tolist() == [0, 1] * 3 + [0, 2] * 2 + [0, 3] * 2
    assert stored["embeddings"].shape == (14, 32)
    np.testing.assert_array_equal(model.support_labels.numpy(), stored["labels"])
    np.testing.assert_allclose(model.supports.norm(dim=1).numpy(), 1, atol=1e-6)
    assert 0 <= scores["mIoU"] <= 100
    again, _ = run_test(config, "second")
    assert again == pytest.approx(scores, nan_ok=True)
    assert len(making) == 1
    assert [path.name for path in (tmp_path / "work").glob("*supports*")] == ["supports.npz"]


def other_weights(config: Config, photo_root: Path, tmp_path: Path) -> None:
    config.load_from = str(save_checkpoint(tmp_path / "other.pth", seed=1))


def other_mask(config: Config, photo_root: Path, tmp_path: Path) -> None:
    write_label_map(photo_root / "train-semi-segmentation/blue/blue_0.png", np.full((36, 48), 2))


def fewer_images(config: Config, photo_root: Path, tmp_path: Path) -> None:
    (photo_root / "train-semi/blue/blue_1.png").unlink()
    (photo_root / "train-semi-segmentation/blue/blue_1.png").unlink()


def other_image_size(config: Config, photo_root: Path, tmp_path: Path) -> None:
    config.custom_hooks[0].dataset.pipeline[1].scale = 96


def other_normalization(config: Config, photo_root: Path, tmp_path: Path) -> None:
    config.model.data_preprocessor.std = [32.0] * 3


def damaged_file(config: Config, photo_root: Path, tmp_path: Path) -> None:
    path = tmp_path / "work/supports.npz"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "change", [other_weights, other_mask, fewer_images, other_image_size, other_normalization, damaged_file]
)
def test_a_change_that_matters_makes_new_supports(change, photo_root, checkpoint, tmp_path, making):
    config = make_config(photo_root, tmp_path / "work", checkpoint)
    run_test(config, f"before_{change.__name__}")
    before = supports_in(tmp_path / "work")
    change(config, photo_root, tmp_path)
    run_test(config, f"after_{change.__name__}")
    after = supports_in(tmp_path / "work")
    assert len(making) == 2
    assert (before["key"] == after["key"]) == (change is damaged_file)


def test_voting_settings_keep_the_supports(photo_root, checkpoint, tmp_path, making):
    run_test(make_config(photo_root, tmp_path / "work", checkpoint), "k10")
    run_test(make_config(photo_root, tmp_path / "work", checkpoint, k=3, temperature=0.2), "k3")
    assert len(making) == 1


def test_images_without_masks_are_named(photo_root, checkpoint, tmp_path):
    shutil.rmtree(photo_root / "train-semi-segmentation")
    with pytest.raises(FileNotFoundError, match=r"7 images have no mask.*amber_0\.png"):
        run_test(make_config(photo_root, tmp_path / "work", checkpoint), "unmasked")


def test_an_image_with_features_that_are_not_finite_is_named(photo_root, tmp_path):
    state = torch.load(save_checkpoint(tmp_path / "nan.pth", seed=0), weights_only=True)
    state["state_dict"]["backbone.conv1.weight"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(ValueError, match=r"amber_0\.png hold NaN"):
        run_test(make_config(photo_root, tmp_path / "work", tmp_path / "nan.pth"), "nan")
    assert not list((tmp_path / "work").glob("*supports*"))


def _test_in_process(rank: int, config: Config, result: str) -> None:
    config.launcher = "pytorch"
    config.model_wrapper_cfg = dict(type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False)
    scores, model = run_test(config, "two_processes")
    scores = {name: float(value) for name, value in scores.items()}
    torch.save(dict(scores=scores, supports=model.module.supports), f"{result}{rank}")


@pytest.mark.slow
def test_two_processes_equal_one(photo_root, checkpoint, tmp_path):
    scores, model = run_test(make_config(photo_root, tmp_path / "one", checkpoint), "one_process")
    config = make_config(photo_root, tmp_path / "two", checkpoint)
    run_in_two_processes(_test_in_process, config, str(tmp_path / "result"))
    expected, found = supports_in(tmp_path / "one"), supports_in(tmp_path / "two")
    np.testing.assert_array_equal(found["labels"], expected["labels"])
    np.testing.assert_allclose(found["embeddings"], expected["embeddings"], atol=1e-6)
    for rank in range(2):
        result = torch.load(f"{tmp_path / 'result'}{rank}", weights_only=True)
        torch.testing.assert_close(result["supports"], model.supports)
        assert result["scores"] == pytest.approx(scores, nan_ok=True)
