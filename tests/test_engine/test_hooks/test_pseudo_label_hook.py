# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

import mmluss  # noqa: F401
from mmluss.datasets.categories import cluster_metainfo
from mmluss.datasets.label_codec import read_label_map
from mmluss.engine.hooks.pseudo_label_hook import PseudoLabelHook
from tests.helpers.small_world import CATEGORIES, CROP, TEST_PIPELINE, photos, write_saliency, write_split

TOOL = Path(__file__).resolve().parents[3] / "tools" / "misc" / "generate_pseudo_labels.py"


@pytest.fixture(scope="module")
def photo_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    write_split(root, "train", images=2, seed=0)
    write_split(root, "validation", images=1, seed=1, masks=True)
    write_saliency(root, "train", root / "saliency")
    return root


def config(photo_root: Path, work_dir: Path, **hook) -> Config:
    def loader(split: str, **dataset) -> dict:
        return dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type="DefaultSampler", shuffle=False),
            dataset=dict(
                type="ImageNetSDataset", data_root=str(photo_root), split=split, pipeline=TEST_PIPELINE, **dataset
            ),
        )

    hook = dict(dict(type="PseudoLabelHook", threshold=0.5, crop_size=CROP, restarts=2), **hook)
    return Config(
        dict(
            default_scope="mmseg",
            work_dir=str(work_dir),
            model=dict(
                type="PixelAttentionSegmentor",
                data_preprocessor=dict(type="SegDataPreProcessor", mean=[100] * 3, std=[50] * 3, bgr_to_rgb=True),
                backbone=dict(type="ResNet", depth=18, stem_channels=8, base_channels=8, norm_cfg=dict(type="BN")),
                hidden_channels=8,
                embedding_dim=4,
                num_prototypes=6,
            ),
            train_dataloader=loader("train"),
            test_dataloader=loader("validation"),
            test_cfg=dict(type="TestLoop"),
            test_evaluator=dict(type="LUSSMetric"),
            train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=1),
            optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1)),
            custom_hooks=[hook],
            randomness=dict(seed=0),
            experiment_name=work_dir.name,
        )
    )


def runner_of(cfg: Config) -> Runner:
    cfg = cfg.copy()
    for key in ("test_dataloader", "test_cfg", "test_evaluator"):
        cfg.setdefault(key, None)
    return Runner.from_cfg(cfg)


def test_hook_writes_labels_centroids_and_a_checkpoint(photo_root, tmp_path):
    runner = runner_of(config(photo_root, tmp_path, threshold="val"))
    runner.call_hook("after_train")
    labels = sorted(path.relative_to(tmp_path / "pixel_labels") for path in tmp_path.glob("pixel_labels/*/*.png"))
    assert labels == [Path(name, f"{name}_{index}.png") for name in CATEGORIES for index in range(2)]
    manifest = json.loads((tmp_path / "pixel_labels" / "manifest.json").read_text())
    assert manifest["settings"]["num_clusters"] == len(CATEGORIES)

    checkpoint = torch.load(tmp_path / "pixel_labels.pth", weights_only=True)
    state = checkpoint["state_dict"]
    np.testing.assert_array_equal(state["decode_head.centroids"].numpy(), np.load(tmp_path / "centroids.npy"))
    assert float(state["decode_head.threshold"]) == pytest.approx(manifest["threshold"]["value"])
    # What it predicts are clusters, whatever the folders are called.
    assert checkpoint["meta"]["dataset_meta"] == cluster_metainfo(len(CATEGORIES))

    sample = photos(photo_root, label_root=str(tmp_path / "pixel_labels"))[0]
    result = runner.model.eval().test_step(dict(inputs=[sample["inputs"]], data_samples=[sample["data_samples"]]))[0]
    written = read_label_map(tmp_path / "pixel_labels" / labels[0])
    np.testing.assert_array_equal(sample["data_samples"].gt_sem_seg.data[0].numpy(), written)
    assert (result.pred_sem_seg.data[0].numpy() == written).mean() > 0.999


def test_saliency_folder(photo_root, tmp_path):
    cfg = config(photo_root, tmp_path, saliency_root=str(photo_root / "saliency"), threshold="otsu", num_clusters=2)
    runner = runner_of(cfg)
    hook = next(hook for hook in runner.hooks if isinstance(hook, PseudoLabelHook))
    manifest = hook.write_labels(runner)
    assert manifest["settings"]["use_saliency"]
    assert manifest["settings"]["num_clusters"] == 2


def tool(monkeypatch, *args: str) -> None:
    spec = importlib.util.spec_from_file_location("generate_pseudo_labels", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [str(TOOL), *args])
    module.main()


def test_tool_gives_the_labels_of_the_hook(photo_root, tmp_path, monkeypatch):
    cfg = config(photo_root, tmp_path / "hook")
    runner = runner_of(cfg)
    runner.save_checkpoint(str(tmp_path), "trained.pth", save_optimizer=False, save_param_scheduler=False)
    runner.call_hook("after_train")
    cfg.experiment_name = "tool"
    cfg.dump(tmp_path / "config.py")
    work_dir = tmp_path / "tool"
    args = [str(tmp_path / "config.py"), str(tmp_path / "trained.pth"), "--work-dir", str(work_dir)]
    tool(monkeypatch, *args, "--cfg-options", "randomness.seed=1")
    for path in (tmp_path / "hook").glob("pixel_labels/*/*.png"):
        assert path.read_bytes() == (work_dir / path.relative_to(tmp_path / "hook")).read_bytes()


def test_tool_without_the_hook(photo_root, tmp_path, monkeypatch):
    cfg = config(photo_root, tmp_path)
    cfg.custom_hooks = []
    cfg.dump(tmp_path / "config.py")
    with pytest.raises(SystemExit, match="must hold one PseudoLabelHook, but hold 0"):
        tool(monkeypatch, str(tmp_path / "config.py"), "none.pth", "--work-dir", str(tmp_path))


def test_validation_needs_saliency_too(photo_root, tmp_path):
    cfg = config(photo_root, tmp_path, saliency_root=str(photo_root / "saliency"), threshold="val")
    with pytest.raises(ValueError, match="needs those of the validation images, too"):
        runner_of(cfg).call_hook("before_train")


def test_too_few_images_show_before_training(photo_root, tmp_path):
    with pytest.raises(ValueError, match="6 images cannot make 7 clusters"):
        runner_of(config(photo_root, tmp_path, num_clusters=7)).call_hook("before_train")


def test_a_missing_saliency_map_is_named(photo_root, tmp_path):
    write_saliency(photo_root, "train", tmp_path / "saliency")
    (tmp_path / "saliency" / "blue" / "blue_1.png").unlink()
    cfg = config(photo_root, tmp_path / "work", saliency_root=str(tmp_path / "saliency"))
    with pytest.raises(FileNotFoundError, match="blue_1"):
        runner_of(cfg).call_hook("before_train")


def test_photos_without_folders_need_a_number_of_categories(photo_root, tmp_path):
    (tmp_path / "train").mkdir()
    for path in (photo_root / "train").rglob("*.png"):
        (tmp_path / "train" / path.name).symlink_to(path)
    with pytest.raises(ValueError, match="needs num_clusters"):
        runner_of(config(tmp_path, tmp_path / "work")).call_hook("before_train")
    runner_of(config(tmp_path, tmp_path / "work", num_clusters=2)).call_hook("after_train")
    assert (tmp_path / "work" / "pixel_labels" / "coral_1.png").is_file()


def test_a_wrong_threshold_shows_before_training():
    with pytest.raises(ValueError, match="not 'otzu'"):
        PseudoLabelHook(threshold="otzu")


def test_the_old_name_of_num_clusters_loads_with_a_warning():
    with pytest.warns(FutureWarning, match='"num_clusters"'):
        assert PseudoLabelHook(num_categories=7).num_clusters == 7


def test_labels_of_averaged_weights_are_saved_with_them(photo_root, tmp_path):
    cfg = config(photo_root, tmp_path, threshold="otsu")
    cfg.custom_hooks.append(dict(type="EMAHook", momentum=0.5))
    runner = runner_of(cfg)
    runner.call_hook("before_run")
    average = next(hook for hook in runner.hooks if isinstance(hook, EMAHook)).ema_model.module
    with torch.no_grad():
        average.decode_head.layers[0].weight += 1
    expected = {name: value.clone() for name, value in average.state_dict().items()}
    runner.call_hook("after_train")
    state = torch.load(tmp_path / "pixel_labels.pth", map_location="cpu", weights_only=True)["state_dict"]
    centroids = np.load(tmp_path / "centroids.npy", allow_pickle=False)
    np.testing.assert_array_equal(state["decode_head.centroids"].numpy(), centroids)
    assert torch.isfinite(state["decode_head.threshold"])
    name = "decode_head.layers.0.weight"
    assert torch.equal(state[name], expected[name])
    assert not torch.equal(state[name], runner.model.state_dict()[name])
