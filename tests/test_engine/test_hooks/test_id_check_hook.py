# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmluss.engine.hooks import IdCheckHook
from mmluss.engine.hooks.id_check_hook import largest_id
from mmluss.evaluation import LUSSMetric


class Model(nn.Module):
    def __init__(self, **head):
        super().__init__()
        if head:
            self.decode_head = SimpleNamespace(**head)


def metric(**settings):
    made = LUSSMetric(**settings)
    made.dataset_meta = dict(classes=("other", "a", "b", "c"))
    return made


def runner(head, max_id=3, metrics=()):
    evaluator = SimpleNamespace(metrics=list(metrics))
    return SimpleNamespace(
        model=Model(**head),
        train_dataloader=SimpleNamespace(dataset=SimpleNamespace(max_id=max_id)),
        val_loop=SimpleNamespace(evaluator=evaluator),
        val_evaluator=evaluator,
        test_evaluator=evaluator,
    )


@pytest.mark.parametrize(
    ("head", "expected"),
    [({}, None), (dict(num_classes=4), 3), (dict(num_clusters=5, num_classes=2), 5), (dict(num_clusters=0), None)],
)
def test_largest_id(head, expected):
    assert largest_id(Model(**head)) == expected


def test_labels_must_fit_the_classes():
    IdCheckHook().before_train(runner(dict(num_classes=4), max_id=3))
    IdCheckHook().before_train(runner(dict(num_classes=4), max_id=None))
    IdCheckHook().before_train(runner({}, max_id=9))
    with pytest.raises(ValueError, match=r"ids 0\.\.4, but .* 0\.\.3 only: set model\.decode_head\.num_classes=5"):
        IdCheckHook().before_train(runner(dict(num_classes=4), max_id=4))


@pytest.mark.parametrize("stage", ["train", "val", "test"])
def test_metrics_must_score_all_clusters(stage, tmp_path):
    check = getattr(IdCheckHook(), f"before_{stage}")
    (tmp_path / "match.json").write_text('{"0": 0, "5": 1}')
    for settings in ({}, dict(num_clusters=4)):
        with pytest.raises(ValueError, match=r"names the ids 0\.\.5, .*_evaluator\.num_clusters=5"):
            check(runner(dict(num_clusters=5), metrics=[metric(**settings)]))
    good = [
        metric(num_clusters=5),
        metric(matching=str(tmp_path / "match.json")),
        metric(format_only=True, output_dir=str(tmp_path)),
        LUSSMetric(),
        SimpleNamespace(),
    ]
    check(runner(dict(num_clusters=5), metrics=good))


def test_largest_id_of_a_metric_leaves_it_as_it_is():
    made = metric(num_clusters=4)
    assert made.largest_id == 4
    sample = dict(pred_sem_seg=dict(data=torch.ones(1, 2, 2).int()), gt_sem_seg=dict(data=torch.ones(1, 2, 2).int()))
    made.process(None, [sample])
    assert made.largest_id == 4
    assert made.evaluate(1)["mIoU"] == 25.0
