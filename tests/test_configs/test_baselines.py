# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Other learners in place of step 1: what they train, and what steps 2 to 4 and distance matching take from them."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS

from mmluss.checkpoints.kinds import checkpoint_weights
from tests.helpers.small_runs import CONFIGS, run, small_config
from tests.helpers.two_processes import run_in_two_processes

pytestmark = pytest.mark.slow

LEARNERS = {
    "simclr": "SimCLR",
    "mocov2": "MoCo",
    "mocov3": "MoCoV3",
    "byol": "BYOL",
    "swav": "SwAV",
    "densecl": "DenseCL",
    "simsiam": "SimSiam",
    "barlowtwins": "BarlowTwins",
}
NAME = "baselines/{learner}_r18_8xb32-200e_imagenets50.py"


def backbone_of(checkpoint) -> dict[str, torch.Tensor]:
    weights = checkpoint_weights(torch.load(checkpoint, weights_only=True))
    return {name: value for name, value in weights.items() if name.startswith("backbone.")}


def same_parameters(weights: dict[str, torch.Tensor], model: torch.nn.Module) -> bool:
    parameters = dict(model.named_parameters())
    shared = [name for name in weights if name in parameters]
    return len(shared) > 50 and all(torch.equal(weights[name], parameters[name].detach().cpu()) for name in shared)


ATTENTION = "baselines/pass-pixel-attention-backbone_r18_8xb32-20e_imagenets50.py"


@pytest.fixture(scope="module", params=LEARNERS)
def trained(request, data_root, tmp_path_factory):
    """Work folder of a learner that was trained for an iteration."""
    folder = tmp_path_factory.mktemp(request.param)
    runner = run(small_config(NAME.format(learner=request.param), data_root, folder))
    model = runner.model
    assert runner.iter == 1
    assert type(model).__name__ == LEARNERS[request.param] and type(model).__module__.startswith("mmpretrain.")
    assert math.isfinite(runner.message_hub.get_scalar("train/loss").current())
    return folder


def test_step_2_and_distance_matching_take_its_backbone(trained, data_root, tmp_path):
    checkpoint = trained / "epoch_1.pth"
    weights = backbone_of(checkpoint)
    cfg = small_config(ATTENTION, data_root, tmp_path / "attention")
    model = MODELS.build(cfg.model | dict(pretrained=str(checkpoint)))
    assert not same_parameters(weights, model)
    model.init_weights()
    assert same_parameters(weights, model)

    cfg = small_config("distance_matching/knn_r18_imagenets50.py", data_root, tmp_path / "matching")
    cfg.load_from = str(checkpoint)
    runner = run(cfg)
    assert same_parameters(weights, runner.model)
    assert "test/mIoU" in runner.message_hub.log_scalars


@pytest.mark.parametrize("learner", ["mocov2", "swav"])
def test_steps_2_to_4_run_on_its_backbone(learner, data_root, tmp_path):
    run(small_config(NAME.format(learner=learner), data_root, tmp_path / "pretrain"))
    checkpoint = tmp_path / "pretrain" / "epoch_1.pth"
    weights = backbone_of(checkpoint)
    cfg = small_config(ATTENTION, data_root, tmp_path / "attention")
    cfg.model.pretrained = str(checkpoint)
    cfg.train_dataloader.dataset.indices = None
    assert same_parameters(weights, run(cfg).model)
    labels = tmp_path / "attention" / "pixel_labels"
    assert len(list(labels.rglob("*.png"))) == 6

    cfg = small_config("pass/pass-finetune_r18_8xb32-20e_imagenets50.py", data_root, tmp_path / "finetune")
    cfg.model.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(checkpoint), prefix="backbone.")
    cfg.train_dataloader.dataset.label_root = str(labels)
    cfg.optim_wrapper.optimizer.lr = 0.0
    cfg.param_scheduler = None
    runner = run(cfg)
    assert same_parameters(weights, runner.model)
    assert "test/mIoU" in runner.message_hub.log_scalars


def test_a_learner_s_checkpoint_is_refused_where_all_of_step_1_is_wanted(data_root, tmp_path):
    run(small_config(NAME.format(learner="simclr"), data_root, tmp_path))
    cfg = small_config("pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py", data_root, tmp_path / "attention")
    model = MODELS.build(cfg.model | dict(pretrained=str(tmp_path / "epoch_1.pth")))
    with pytest.raises(ValueError, match=r"fills 0 of .* weights of ImageProjector"):
        model.init_weights()


def test_unknown_part_of_step_1_is_refused(data_root, tmp_path):
    cfg = small_config(ATTENTION, data_root, tmp_path)
    with pytest.raises(ValueError, match="pretrained_parts names neck; parts of step 1 are backbone, projector"):
        MODELS.build(cfg.model | dict(pretrained_parts=["backbone", "neck"]))


def test_momentum_encoders_follow_the_backbone(data_root, tmp_path):
    cfg = small_config(NAME.format(learner="mocov2"), data_root, tmp_path)
    model = run(cfg).model
    own, follower = (torch.cat([p.flatten() for p in part.parameters()]) for part in (model.backbone, model.encoder_k))
    assert not torch.equal(own, follower[: len(own)])
    torch.testing.assert_close(own, follower[: len(own)], rtol=0, atol=0.2)


@pytest.mark.parametrize("learner, views", [("simclr", 2), ("mocov2", 2), ("byol", 2), ("swav", 8)])
def test_views_of_an_image(learner, views, data_root, tmp_path):
    cfg = small_config(NAME.format(learner=learner), data_root, tmp_path)
    sample = DATASETS.build(cfg.train_dataloader.dataset)[0]["inputs"]
    assert len(sample) == views
    assert [tuple(view.shape) for view in sample[:2]] == [(3, 64, 64)] * 2
    assert {view.dtype for view in sample} == {torch.uint8}
    assert not torch.equal(sample[0], sample[1])


@pytest.mark.parametrize("learner", LEARNERS)
def test_learning_rate_is_that_of_a_batch_of_256(learner):
    cfg = Config.fromfile(CONFIGS / NAME.format(learner=learner))
    expected = dict(
        mocov2=0.03, densecl=0.03, simsiam=0.05, simclr=0.3, byol=0.3, mocov3=0.6, swav=0.6, barlowtwins=0.2
    )
    assert cfg.optim_wrapper.optimizer.lr == expected[learner]
    assert cfg.auto_scale_lr == dict(enable=False, base_batch_size=256)
    assert cfg.train_dataloader.batch_size == 32 and cfg.train_cfg.max_epochs == 200


@pytest.mark.parametrize("learner, share", [("simclr", 1.0), ("mocov3", 1.0), ("barlowtwins", 0.024)])
def test_norms_and_biases_are_left_out_of_lars(learner, share, data_root, tmp_path):
    cfg = small_config(NAME.format(learner=learner), data_root, tmp_path)
    model = MODELS.build(cfg.model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    lr = cfg.optim_wrapper.optimizer.lr
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    for group in groups:
        for parameter in group["params"]:
            left_out = parameter.ndim == 1
            assert bool(group.get("lars_exclude")) is left_out, names[id(parameter)]
            assert group["weight_decay"] == (0 if left_out else 1e-6)
            assert group["lr"] == pytest.approx(lr * share if left_out else lr)


class LearningRates(Hook):
    """Notes the predictor's and the other learning rates that iterations are done with."""

    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.predictor: list[float] = []
        self.others: list[float] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        for group in runner.optim_wrapper.optimizer.param_groups:
            (self.predictor if group.get("fix_lr") else self.others).append(group["lr"])


def test_predictor_of_simsiam_keeps_its_learning_rate(data_root, tmp_path):
    cfg = small_config(NAME.format(learner="simsiam"), data_root, tmp_path)
    cfg.train_cfg.max_epochs = 3
    runner, rates = Runner.from_cfg(cfg), LearningRates()
    runner.register_hook(rates)
    runner.train()
    assert rates.predictor and set(rates.predictor) == {0.05}
    assert len(set(rates.others)) == 3 and max(rates.others) == 0.05


def _train_in_a_process(rank: int, data_root: Path, work_dir: Path) -> None:
    cfg = small_config("baselines/swav_r18_8xb32-200e_imagenets50.py", data_root, work_dir)
    cfg.launcher = "pytorch"
    cfg.train_dataloader.batch_size = 2
    cfg.train_cfg.max_epochs = 2
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes on CPUs; with GPUs there must be two")
def test_swav_trains_in_processes_although_its_prototypes_are_frozen_at_first(data_root, tmp_path):
    run_in_two_processes(_train_in_a_process, data_root, tmp_path)
