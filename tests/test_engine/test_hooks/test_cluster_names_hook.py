# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import uuid

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.apis import init_model

from mmluss.apis.segmenting.segmenter import Segmenter
from mmluss.datasets.categories import cluster_metainfo, palette
from mmluss.engine.hooks import cluster_names_hook
from mmluss.engine.hooks.cluster_names_hook import name_clusters
from mmluss.evaluation.matching import matched_metainfo
from tests.helpers.tiny_models import CLUSTERS, MODEL_KINDS, PIPELINE, write_tiny_checkpoint

META = dict(
    classes=("other", "n01", "n02"), names=("other", "rose", "tulip"), palette=[[0, 0, 0], [9, 8, 7], [6, 5, 4]]
)
MATCH = np.array([0, 2, -1, 1, 1])
MATCHED = ("other", "tulip", "cluster 2", "rose", "rose")


def dataset_meta(checkpoint):
    return torch.load(checkpoint, map_location="cpu", weights_only=True)["meta"]["dataset_meta"]


def test_matched_clusters_have_names_and_colors_of_their_categories():
    meta = matched_metainfo(MATCH, CLUSTERS, META)
    assert meta["classes"] == meta["names"] == MATCHED and meta["num_clusters"] == CLUSTERS
    assert meta["palette"] == [[0, 0, 0], [6, 5, 4], palette(5)[4], [9, 8, 7], [9, 8, 7]]
    # A match.json need not name all ids.
    assert matched_metainfo(MATCH[:2], CLUSTERS, META)["classes"] == (
        "other",
        "tulip",
        *cluster_metainfo(4)["classes"][2:],
    )


def test_only_the_names_in_a_checkpoint_change(tmp_path):
    path = write_tiny_checkpoint(tmp_path / "model.pth", "linear", cluster_metainfo(CLUSTERS))
    before = torch.load(path, weights_only=True)
    assert name_clusters(path, MATCH, META) is True
    after = torch.load(path, weights_only=True)
    assert tuple(after["meta"]["dataset_meta"]["classes"]) == MATCHED and after["meta"]["cfg"] == before["meta"]["cfg"]
    assert all(torch.equal(after["state_dict"][name], value) for name, value in before["state_dict"].items())
    assert Segmenter(path, "cpu").names.names == MATCHED
    changed = path.stat().st_mtime_ns
    assert name_clusters(path, MATCH, META) is False and path.stat().st_mtime_ns == changed
    assert name_clusters(path, np.array([0, 1]), META) is True
    assert tuple(dataset_meta(path)["classes"])[:3] == ("other", "rose", "cluster 2")


def test_the_file_behind_a_link_gets_the_names(tmp_path):
    path = write_tiny_checkpoint(tmp_path / "epoch_20.pth", "linear", cluster_metainfo(CLUSTERS))
    link = tmp_path / "best.pth"
    link.symlink_to(path.name)
    assert name_clusters(link, MATCH, META) is True
    assert link.is_symlink() and tuple(dataset_meta(path)["classes"]) == MATCHED


def test_a_checkpoint_of_categories_keeps_its_names(tmp_path):
    path = write_tiny_checkpoint(tmp_path / "model.pth", "linear", dict(classes=["other", *"abcd"]))
    assert name_clusters(path, MATCH, META) is False
    assert dataset_meta(path)["classes"] == ["other", *"abcd"]


@pytest.fixture
def data(tmp_path):
    """Two categories of two photos; their masks are halves."""
    rng = np.random.default_rng(0)
    for position, category in enumerate(("rose", "tulip")):
        for folder in ("validation", "validation-segmentation"):
            (tmp_path / folder / category).mkdir(parents=True)
        for index in range(2):
            image = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (96, 72))
            cv2.imwrite(str(tmp_path / "validation" / category / f"{category}{index}.png"), image)
            mask = np.zeros((72, 96, 3), np.uint8)
            mask[:, :48, 2] = position + 1
            cv2.imwrite(str(tmp_path / "validation-segmentation" / category / f"{category}{index}.png"), mask)
    return tmp_path


def run_test(data, checkpoint, work_dir):
    init_default_scope("mmseg")
    loader = dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(type="ImageNetSDataset", data_root=str(data), split="validation", pipeline=PIPELINE),
    )
    runner = Runner(
        MODEL_KINDS["pixel shuffle"],
        work_dir=str(work_dir),
        default_scope="mmseg",
        experiment_name=str(uuid.uuid4()),
        load_from=str(checkpoint),
        default_hooks=dict(
            cluster_names=dict(type="ClusterNamesHook"),
            visualization=dict(type="SegVisualizationHook", draw=True, interval=1),
        ),
        visualizer=dict(
            type="ClusterLocalVisualizer",
            alpha=1.0,
            name=str(uuid.uuid4()),
            vis_backends=[dict(type="LocalVisBackend")],
            save_dir=str(work_dir / "shown"),
        ),
        test_dataloader=loader,
        test_cfg={},
        test_evaluator=dict(type="LUSSMetric", boundaries=False, num_clusters=CLUSTERS, matching="pixel"),
    )
    runner.test()
    [metric] = runner.test_evaluator.metrics
    pictures = sorted((work_dir / "shown").rglob("*.png"))
    return metric.match, [cv2.imread(str(path))[..., ::-1] for path in pictures]


def colors_of(picture):
    """Colors that are more than the pixels of a written name."""
    colors, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    return {tuple(color) for color, count in zip(colors.tolist(), counts, strict=True) if count > 30}


def test_pictures_and_models_show_clusters_first_and_categories_after_a_test(data, tmp_path):
    path = write_tiny_checkpoint(tmp_path / "model.pth", "pixel shuffle", cluster_metainfo(CLUSTERS))
    match, pictures = run_test(data, path, tmp_path / "first")
    names, categories = ["other", "rose", "tulip"], palette(3)
    expected = [names[target] if target >= 0 else f"cluster {cluster}" for cluster, target in enumerate(match.tolist())]
    assert set(names) < set(expected) and len(pictures) == 4
    # Before the matching is known, a prediction has the colors of its clusters, a mask those of its categories.
    predicted = set().union(*(colors_of(picture[:, 96:]) for picture in pictures))
    assert set(map(tuple, palette(CLUSTERS + 1)[3:])) & predicted
    assert colors_of(pictures[0][:, :96]) == {(0, 0, 0), tuple(categories[1])}
    assert list(dataset_meta(path)["classes"]) == expected
    config = torch.load(path, weights_only=True)["meta"]["cfg"]
    (tmp_path / "config.py").write_text(config)
    cfg = Config.fromfile(tmp_path / "config.py")
    cfg.model.backbone.init_cfg = None
    assert list(init_model(cfg, str(path), device="cpu").dataset_meta["classes"]) == expected
    # Now both sides of a picture have one color for one category.
    _, pictures = run_test(data, path, tmp_path / "second")
    predicted = set().union(*(colors_of(picture[:, 96:]) for picture in pictures))
    others = [palette(CLUSTERS + 3)[2 + cluster] for cluster, target in enumerate(match.tolist()) if target < 0]
    assert predicted <= set(map(tuple, [*categories, *others]))
    assert predicted & {tuple(categories[1]), tuple(categories[2])}


@pytest.mark.parametrize("trains", [False, True])
def test_validation_alone_reads_no_training_data(data, tmp_path, trains):
    init_default_scope("mmseg")
    dataset = dict(type="ImageNetSDataset", data_root=str(data), split="validation", pipeline=PIPELINE)
    loader = dict(batch_size=1, num_workers=0, sampler=dict(type="DefaultSampler", shuffle=False), dataset=dataset)
    training = dict(
        train_dataloader=dict(loader, dataset=dict(dataset, data_root="nowhere")),
        train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
    )
    runner = Runner(
        MODEL_KINDS["pixel shuffle"],
        work_dir=str(tmp_path / "work"),
        default_scope="mmseg",
        experiment_name=str(uuid.uuid4()),
        default_hooks=dict(cluster_names=dict(type="ClusterNamesHook")),
        val_dataloader=loader,
        val_cfg={},
        val_evaluator=dict(type="LUSSMetric", boundaries=False, num_clusters=CLUSTERS),
        **(training if trains else {}),
    )
    assert runner.val()["mIoU"] >= 0


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_test(data, tmp_path, monkeypatch):
    path = write_tiny_checkpoint(tmp_path / "model.pth", "pixel shuffle", cluster_metainfo(CLUSTERS))

    def refuse(*_):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(cluster_names_hook, "write_checkpoint", refuse)
    match, _ = run_test(data, path, tmp_path / "work")
    assert match is not None and dataset_meta(path)["classes"][1] == "cluster 1"
    [log] = (tmp_path / "work").glob("*/*.log")
    assert "could not be written to" in log.read_text() and "read-only file system" in log.read_text()
