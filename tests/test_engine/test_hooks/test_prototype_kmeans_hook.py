# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MMLogger
from torch import nn

from mmluss.engine import PrototypeKMeansHook
from mmluss.models import Prototypes


class Embedder(nn.Module):
    """Crops are the embeddings."""

    def __init__(self, num_prototypes):
        super().__init__()
        self.prototypes = Prototypes(4, num_prototypes)

    def data_preprocessor(self, batch, training):
        # Crops may be given their colors by it.
        assert training
        return batch

    def crop_embeddings(self, crops):
        assert not self.training
        return crops


def make_runner(num_prototypes, batches, iteration=0):
    loader = [{"inputs": {"crops": [batch, None]}} for batch in batches]
    return SimpleNamespace(
        iter=iteration,
        model=Embedder(num_prototypes).train(),
        train_dataloader=loader,
        logger=MMLogger.get_instance("kmeans_hook"),
    )


def test_prototypes_start_at_the_clusters():
    directions = torch.eye(4)[:3]
    batches = [directions + 0.01 * torch.randn(3, 4, generator=torch.Generator().manual_seed(i)) for i in range(8)]
    runner = make_runner(3, batches)
    PrototypeKMeansHook().before_train(runner)
    weight = runner.model.prototypes.weight
    assert torch.cdist(directions, weight).min(dim=1).values.max() < 0.05
    assert runner.model.training


def test_a_resumed_run_keeps_its_prototypes():
    runner = make_runner(3, [torch.randn(8, 4)], iteration=5)
    before = runner.model.prototypes.weight.clone()
    PrototypeKMeansHook().before_train(runner)
    assert torch.equal(runner.model.prototypes.weight, before)


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="8 embeddings cannot make 9 prototypes"):
        PrototypeKMeansHook().before_train(make_runner(9, [torch.randn(8, 4)]))
