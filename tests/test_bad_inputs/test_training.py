# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Configs and checkpoints that training and testing cannot work with."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmluss import ImageNetSDataset, LUSSMetric
from mmluss.checkpoints.files import read_centroids, read_checkpoint
from mmluss.models import KNNSegmentor
from tests.helpers.bad_inputs import check, table
from tests.helpers.small_runs import run, small_config, write_data

PRETRAIN = "pass/pass-pretrain_r18_1xb64-40e_mini-imagenets.py"
ATTENTION = "pass/pass-pixel-attention_r18_1xb32-10e_mini-imagenets.py"
FINETUNE = "pass/pass-finetune_r18_1xb32-10e_mini-imagenets.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_data(root)
    return root


@pytest.fixture
def root(data, tmp_path, monkeypatch):
    # What runners log takes longer than a case: versions of compilers, and the config, neatly formatted.
    monkeypatch.setattr("mmengine.runner.runner.collect_env", dict)
    monkeypatch.setattr(Config, "pretty_text", "")
    (tmp_path / "data").symlink_to(data)
    with DefaultScope.overwrite_default_scope("mmseg"):
        yield tmp_path


def _config(root, name, **options):
    cfg = small_config(name, root / "data", root / "work")
    cfg.log_level = "ERROR"
    init_cfg = options.pop("init_cfg", None)
    cfg.merge_from_dict(options)
    if init_cfg is not None:
        cfg.model.backbone.init_cfg = init_cfg
    return cfg


def _train(root, name, **options):
    cfg = _config(root, name, **options)
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    run(cfg)


def _test(root, name, checkpoint, **options):
    cfg = _config(root, name, load_from=str(checkpoint), **options)
    cfg.train_dataloader = cfg.train_cfg = cfg.optim_wrapper = cfg.param_scheduler = None
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    run(cfg)


def _saved(path, weights):
    torch.save(dict(state_dict=weights), path)
    return path


def batch_larger_than_the_data(root):
    _train(root, FINETUNE, **{"train_dataloader.batch_size": 5})


def queue_shorter_than_a_batch(root):
    _train(root, PRETRAIN, **{"model.queue.length": 3, "default_hooks.prototypes.queue_start_epoch": 0})


def loss_that_is_not_a_number_in_step_1(root):
    _train(root, PRETRAIN, **{"model.data_preprocessor.crop_std": [0, 0, 0]})


def temperature_of_zero(root):
    _train(root, PRETRAIN, **{"model.temperature": 0.0})


def weights_of_losses_that_add_up_to_nothing(root):
    _train(root, PRETRAIN, **{"model.loss_weights": [0.0, 0.0]})


def a_shallow_stage_twice(root):
    _train(root, PRETRAIN, **{"model.shallow_stages": [3, 3], "model.loss_weights": [1, 1, 1]})


def a_queue_that_starts_at_an_epoch_without_epochs(root):
    _train(
        root,
        PRETRAIN,
        train_cfg=dict(_delete_=True, type="IterBasedTrainLoop", max_iters=2),
        **{"default_hooks.prototypes.queue_start_epoch": 1},
    )


def sliding_inference(root):
    _train(root, FINETUNE, **{"model.test_cfg": dict(mode="slide", crop_size=(9, 9), stride=(3, 3))})


def an_unknown_setting_of_inference(root):
    _train(root, FINETUNE, **{"model.test_cfg": dict(max_resolution=900, sharp=True)})


def a_side_that_is_none(root):
    _train(root, FINETUNE, **{"model.test_cfg": dict(limited_side="width")})


def a_size_that_is_none(root):
    _train(root, FINETUNE, **{"model.test_cfg": dict(max_resolution="big")})


def thresholds_that_do_not_ascend(root):
    LUSSMetric(thresholds=[0.5, 0.2])


def no_cluster_to_score(root):
    LUSSMetric(num_clusters=0)


def votes_at_no_temperature(root):
    KNNSegmentor(dict(type="ResNet", depth=18, stem_channels=8, base_channels=8), temperature=0)


def a_data_set_without_its_background(root):
    ImageNetSDataset(root, reduce_zero_label=True)


def loss_that_is_not_a_number_in_step_3(root):
    _train(root, FINETUNE, **{"model.data_preprocessor.std": [0, 0, 0]})


def weights_that_are_not_finite_in_step_3(root):
    _train(root, FINETUNE, **{"optim_wrapper.optimizer": dict(_delete_=True, type="SGD", lr=float("inf"))})


def more_clusters_than_classes(root):
    _train(root, FINETUNE, **{"train_dataloader.dataset.num_clusters": 5})


def more_classes_than_are_scored(root):
    _train(root, FINETUNE, **{"model.decode_head.num_classes": 6})


def scoring_of_more_classes_than_are_scored(root):
    cfg = _config(root, FINETUNE, **{"model.decode_head.num_classes": 6})
    model = MODELS.build(cfg.model)
    checkpoint = _saved(root / "six.pth", model.state_dict())
    _test(root, FINETUNE, checkpoint, **{"model.decode_head.num_classes": 6})


def val_without_masks_before_training(root):
    options = {"test_dataloader.dataset.label_root": False, "default_hooks.pseudo_labels.threshold": "val"}
    cfg = _config(root, ATTENTION, **options)
    run(cfg)


def checkpoint_of_a_step_not_yet_run(root):
    checkpoint = str(root / "work_dirs" / "pass-pretrain" / "epoch_40.pth")
    options = dict(type="Pretrained", checkpoint=checkpoint, prefix="backbone.")
    _train(root, FINETUNE, init_cfg=options)


def start_from_another_network(root):
    checkpoint = _saved(root / "bert.pth", {"encoder.weight": torch.ones(2), "encoder.bias": torch.ones(2)})
    options = dict(type="Pretrained", checkpoint=str(checkpoint))
    _train(root, FINETUNE, init_cfg=options)


def start_under_another_prefix(root):
    backbone = MODELS.build(_config(root, FINETUNE).model.backbone)
    weights = {f"encoder.{name}": value for name, value in backbone.state_dict().items()}
    options = dict(type="Pretrained", checkpoint=str(_saved(root / "moco.pth", weights)), prefix="backbone.")
    _train(root, FINETUNE, init_cfg=options)


def scoring_of_another_step(root):
    model = MODELS.build(_config(root, PRETRAIN).model)
    _test(root, FINETUNE, _saved(root / "step1.pth", model.state_dict()))


def scoring_before_clustering(root):
    model = MODELS.build(_config(root, ATTENTION).model)
    _test(root, ATTENTION, _saved(root / "step2.pth", model.state_dict()))


def scoring_of_a_missing_checkpoint(root):
    _test(root, FINETUNE, root / "work" / "epoch_10.pth")


def scoring_of_a_checkpoint_that_was_cut_off(root):
    model = MODELS.build(_config(root, FINETUNE).model)
    path = _saved(root / "epoch_10.pth", model.state_dict())
    path.write_bytes(path.read_bytes()[:-2000])
    _test(root, FINETUNE, path)


def resuming_from_another_step(root):
    (root / "work").mkdir()
    checkpoint = _saved(root / "work" / "epoch_1.pth", MODELS.build(_config(root, PRETRAIN).model).state_dict())
    (root / "work" / "last_checkpoint").write_text(str(checkpoint))
    _train(root, FINETUNE, resume=True)


def checkpoint_with_code(root):
    torch.save(dict(state_dict=dict(weight=torch.ones(2)), config=Config(dict(a=1))), root / "code.pth")
    read_checkpoint(root / "code.pth")


def checkpoint_that_is_a_list(root):
    torch.save([1, 2], root / "list.pth")
    read_checkpoint(root / "list.pth")


def checkpoint_that_is_missing(root):
    read_checkpoint(root / "none.pth")


def centroids_that_are_a_vector(root):
    torch.save(torch.ones(3), root / "centroids.pth")
    read_centroids(root / "centroids.pth")


def too_few_loss_weights(root):
    _train(root, PRETRAIN, **{"model.loss_weights": [1.0]})


def stage_that_the_backbone_lacks(root):
    _train(root, PRETRAIN, **{"model.shallow_stages": [3, 0], "model.loss_weights": [1.0] * 3})


def crops_stacked_by_the_default_collate(root):
    _train(root, PRETRAIN, **{"train_dataloader.collate_fn": dict(type="pseudo_collate")})


def mode_that_steps_1_to_3_lack(root):
    MODELS.build(_config(root, PRETRAIN).model)(torch.zeros(1, 3, 32, 32), mode="predict")


@table(globals())
def test_message(act, root):
    check(act, root)
