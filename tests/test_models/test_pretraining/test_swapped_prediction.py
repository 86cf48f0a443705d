# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math

import pytest
import torch
import torch.nn.functional as F

from mmluss.models import EmbeddingQueue, Prototypes
from mmluss.models.pretraining.sinkhorn import sinkhorn
from mmluss.models.pretraining.swapped_prediction import CropAssignments, SwappedPrediction
from tests.helpers.two_processes import run_in_two_processes


@pytest.fixture
def prototypes() -> Prototypes:
    prototypes = Prototypes(4, 6)
    prototypes.normalize_()
    return prototypes


def unit_rows(rows: int) -> torch.Tensor:
    return F.normalize(torch.randn(rows, 4), dim=1)


def test_without_a_queue_each_crop_is_balanced_alone(prototypes):
    scores = [prototypes(unit_rows(3)) for _ in range(2)]
    assigned = SwappedPrediction(prototypes).assign(scores, [unit_rows(3)] * 2)
    for assignment, crop in zip(assigned.assignments, scores, strict=True):
        torch.testing.assert_close(assignment, sinkhorn(crop, 0.05, 3))


def test_full_queue_stands_in_front_and_is_read_before_it_is_pushed(prototypes):
    queue = EmbeddingQueue(length=6, embedding_dim=4)
    queue.active = True
    queue.embeddings = torch.stack([unit_rows(6), unit_rows(6)])
    stored, embeddings = queue.embeddings.clone(), [unit_rows(3), unit_rows(3)]
    scores = [prototypes(rows) for rows in embeddings]
    assigned = SwappedPrediction(prototypes, queue).assign(scores, embeddings)
    for crop in range(2):
        balanced = sinkhorn(torch.cat([stored[crop] @ prototypes.weight.T, scores[crop]]), 0.05, 3)
        torch.testing.assert_close(assigned.balanced[crop], balanced)
        torch.testing.assert_close(assigned.assignments[crop], balanced[-3:])
        torch.testing.assert_close(queue.embeddings[crop], torch.cat([embeddings[crop], stored[crop, :3]]))


def test_statistics():
    even, single = torch.full((2, 4), 0.25), torch.eye(4)[:2]
    assigned = CropAssignments(assignments=(), balanced=(even, single))
    statistics = assigned.statistics()
    assert float(statistics["assignment_entropy"]) == pytest.approx(math.log(4) / 2)
    assert float(statistics["prototypes_in_use"]) == 2


def _statistics_of_a_share(rank: int) -> None:
    rows = torch.eye(4)[[0, 1, 2, 2]].chunk(2)[rank]
    balanced = (rows, torch.full((1, 4), 0.25) if rank else rows)
    statistics = CropAssignments(assignments=(), balanced=balanced).statistics()
    assert float(statistics["prototypes_in_use"]) == 3
    # The mean of the processes' means, of which one has a uniform row among three.
    assert float(statistics["assignment_entropy"]) == pytest.approx(math.log(4) / 3 / 2)


@pytest.mark.slow
def test_statistics_are_of_the_rows_of_all_processes():
    run_in_two_processes(_statistics_of_a_share)
