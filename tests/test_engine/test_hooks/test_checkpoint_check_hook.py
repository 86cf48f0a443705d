# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn

from mmluss.engine.hooks import CheckpointCheckHook
from mmluss.models import KNNSegmentor

BACKBONE = dict(type="mmseg.ResNet", depth=18, base_channels=8)


class Tiny(BaseModel):
    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.backbone = nn.Linear(3, width)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        loss = self.backbone(inputs).sum()
        return dict(loss=loss) if mode == "loss" else [loss]


def runner(tmp_path, checkpoint, **settings):
    return Runner(
        Tiny(),
        work_dir=str(tmp_path / "work"),
        default_scope="mmseg",
        default_hooks=dict(checkpoint_check=dict(type="CheckpointCheckHook")),
        load_from=str(checkpoint),
        **settings,
    )


def loader():
    dataset = [dict(inputs=torch.ones(3))]
    return torch.utils.data.DataLoader(dataset, batch_size=1)


def testing():
    return dict(test_dataloader=loader(), test_cfg={}, test_evaluator=[])


def training(**settings):
    settings["optim_wrapper"] = dict(optimizer=dict(type="SGD", lr=0.1))
    return dict(train_dataloader=loader(), train_cfg=dict(by_epoch=True, max_epochs=1), **settings)


def saved(tmp_path, state_dict):
    torch.save(dict(meta={}, state_dict=state_dict), tmp_path / "checkpoint.pth")
    return tmp_path / "checkpoint.pth"


@pytest.mark.parametrize(
    ("state_dict", "message"),
    [
        ({"encoder.weight": torch.ones(1)}, "Missing: backbone.weight, backbone.bias"),
        (Tiny(4).state_dict(), r"backbone.weight \(4, 3\) instead of \(2, 3\)"),
    ],
)
def test_a_test_refuses_the_checkpoint_of_another_model(tmp_path, state_dict, message):
    path = saved(tmp_path, state_dict)
    with pytest.raises(ValueError, match=message) as error:
        runner(tmp_path, path, **testing()).test()
    assert str(path) in str(error.value)


def test_resuming_refuses_it_too(tmp_path):
    with pytest.raises(ValueError, match=r"Missing: backbone\.bias"):
        runner(tmp_path, saved(tmp_path, {"backbone.weight": torch.ones(2, 3)}), resume=True, **training()).train()


def test_a_start_from_some_of_the_weights_is_allowed(tmp_path):
    runner(tmp_path, saved(tmp_path, {"backbone.weight": torch.ones(2, 3)}), **training()).train()


def whole_network(prefix="backbone."):
    """A training that starts, and the weights of its backbone under names with another prefix."""
    model = KNNSegmentor(BACKBONE)
    weights = {name.replace("backbone.", prefix): value for name, value in model.state_dict().items()}
    starting = SimpleNamespace(
        model=model, _train_loop=object.__new__(EpochBasedTrainLoop), _resume=False, _load_from="other.pth"
    )
    return starting, weights


@pytest.mark.parametrize("project", ["encoder_q.", "encoder.", "student.backbone."])
def test_a_start_that_fills_nothing_is_refused(project):
    starting, weights = whole_network(project)
    names = re.escape(project)
    with pytest.raises(ValueError, match=rf"load_from=other.pth fills 0 of \d+ .*like {names}.*init_cfg=dict"):
        CheckpointCheckHook().after_load_checkpoint(starting, dict(state_dict=weights))


def test_a_start_that_fills_less_than_half_of_the_backbone_is_refused():
    starting, weights = whole_network()
    first = {name: value for name, value in weights.items() if "layer" not in name}
    with pytest.raises(ValueError, match=r"fills 5 of 1\d\d weights"):
        CheckpointCheckHook().after_load_checkpoint(starting, dict(state_dict=first))
    CheckpointCheckHook().after_load_checkpoint(
        starting, dict(state_dict={name: value for name, value in weights.items() if "layer4" not in name})
    )


def test_a_start_from_a_distributed_model_is_allowed():
    starting, weights = whole_network("module.backbone.")
    CheckpointCheckHook().after_load_checkpoint(starting, dict(state_dict=weights))


def test_a_file_of_nothing_but_other_names_is_refused_for_any_model(tmp_path):
    with pytest.raises(ValueError, match=r"fills 0 of 2 weights such as backbone\.weight"):
        runner(tmp_path, saved(tmp_path, {"encoder.weight": torch.ones(2, 3)}), **training()).train()


@pytest.mark.parametrize("prefix", ["", "module."])
def test_more_weights_than_the_model_has_do_no_harm(tmp_path, prefix):
    weights = {f"{prefix}{name}": torch.ones_like(value) for name, value in Tiny().state_dict().items()}
    tested = runner(tmp_path, saved(tmp_path, weights | {f"{prefix}more": torch.ones(1)}), **testing())
    tested.test()
    assert torch.equal(tested.model.backbone.weight, torch.ones(2, 3))


def check(model, weights):
    loaded_for_test = SimpleNamespace(model=model, _train_loop=None, _resume=False, _load_from="weights.pth")
    CheckpointCheckHook().after_load_checkpoint(loaded_for_test, dict(state_dict=weights))


def test_a_bare_backbone_is_enough_for_distance_matching():
    model = KNNSegmentor(BACKBONE)
    before = model.backbone.conv1.weight.clone()
    weights = {name: torch.ones_like(value) for name, value in model.backbone.state_dict().items()}
    check(model, weights)
    assert torch.equal(model.backbone.conv1.weight, before)
    with pytest.raises(ValueError, match="Missing: backbone"):
        check(model, {name: value for name, value in weights.items() if "layer4" not in name})
    with pytest.raises(ValueError, match="names like head"):
        check(model, {"head": torch.ones(1)})


def test_weights_without_counts_of_batches_are_enough():
    model = KNNSegmentor(BACKBONE)
    check(model, {name: value for name, value in model.state_dict().items() if "num_batches" not in name})


def test_weights_that_do_not_fit_after_adapting_are_refused():
    model = KNNSegmentor(BACKBONE)
    weights = KNNSegmentor(dict(BACKBONE, base_channels=16)).backbone.state_dict()
    with pytest.raises(ValueError, match="does not fit the weights of this ResNet"):
        check(model, weights)
