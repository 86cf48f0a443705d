# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math

import pytest
import torch
from mmengine.config import Config

from tests.helpers.small_runs import CONFIGS, run, small_config

NAME = "semi/fcn_rf-convnext-t-{mode}_8xb32-100e_imagenets50.py"


@pytest.fixture(scope="module")
def search(data_root, tmp_path_factory):
    """Checkpoint of a search that has updated the dilations."""
    folder = tmp_path_factory.mktemp("search")
    cfg = small_config(NAME.format(mode="search"), data_root, folder)
    cfg.train_cfg.max_epochs = 2
    run(cfg)
    return folder / "epoch_2.pth"


@pytest.fixture(scope="module")
def multiple(search, data_root, tmp_path_factory):
    """Checkpoint of branches trained around what the search has found."""
    return train("multiple", search, data_root, tmp_path_factory.mktemp("multiple"))


def train(mode, structure, data_root, folder, **backbone):
    cfg = small_config(NAME.format(mode=mode), data_root, folder)
    cfg.model.backbone.update(structure_file=str(structure), **backbone)
    runner = run(cfg)
    assert math.isfinite(runner.message_hub.get_scalar("train/loss").current())
    return folder / "epoch_1.pth"


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def test_single_dilations_are_trained(search, data_root, tmp_path):
    train("single", search, data_root, tmp_path)


def test_merged_kernels_start_from_multiple(multiple, data_root, tmp_path):
    init = dict(Config.fromfile(CONFIGS / NAME.format(mode="merge")).model.backbone.init_cfg, checkpoint=str(multiple))
    start, trained = weights(multiple), weights(train("merge", multiple, data_root, tmp_path, init_cfg=init))
    same = [
        name for name in trained if trained[name].shape == start[name].shape and torch.equal(trained[name], start[name])
    ]
    assert "backbone.downsample_layers.0.0.weight" in same
    assert "backbone.stages.0.0.pointwise_conv1.weight" in same
    assert "decode_head.patch_conv.weight" not in same
    grown = [name for name in trained if trained[name].shape != start[name].shape]
    assert all(name.endswith("depthwise_conv.weight") for name in grown)


def test_default_structure_files_are_where_the_step_before_leaves_them():
    for subset in (50, 300, 919):
        name = f"fcn_rf-convnext-t-{{}}_8xb32-100e_imagenets{subset}"
        for mode, before in (("single", "search"), ("multiple", "search"), ("merge", "multiple")):
            cfg = Config.fromfile(CONFIGS / f"semi/{name.format(before)}.py")
            backbone = Config.fromfile(CONFIGS / f"semi/{name.format(mode)}.py").model.backbone
            expected = f"work_dirs/{name.format(before)}/epoch_{cfg.train_cfg.max_epochs}.pth"
            assert backbone.structure_file == expected
            if mode == "merge":
                assert backbone.init_cfg.checkpoint == expected
