# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math

import pytest
import torch

from mmluss.models.pretraining.sinkhorn import sinkhorn


def slow_sinkhorn(scores: torch.Tensor, epsilon: float, iterations: int) -> torch.Tensor:
    """The definition, entry by entry, in float64."""
    samples, prototypes = scores.shape
    q = [[math.exp(float(scores[b, k]) / epsilon) for k in range(prototypes)] for b in range(samples)]
    total = sum(map(sum, q))
    q = [[value / total for value in row] for row in q]
    for _ in range(iterations):
        for k in range(prototypes):
            share = sum(q[b][k] for b in range(samples))
            for b in range(samples):
                q[b][k] /= share * prototypes
        for b in range(samples):
            share = sum(q[b])
            q[b] = [value / share / samples for value in q[b]]
    return torch.tensor(q, dtype=torch.float64) * samples


@pytest.mark.parametrize(("samples", "prototypes"), [(6, 4), (4, 9), (1, 3)])
@pytest.mark.parametrize(("epsilon", "iterations"), [(0.05, 3), (0.2, 1), (0.05, 0)])
def test_equals_the_definition(samples, prototypes, epsilon, iterations):
    scores = torch.rand(samples, prototypes) * 2 - 1
    expected = slow_sinkhorn(scores, epsilon, iterations)
    torch.testing.assert_close(sinkhorn(scores, epsilon, iterations).double(), expected, rtol=1e-4, atol=1e-6)


def test_samples_and_prototypes_are_balanced():
    assignment = sinkhorn(torch.randn(32, 8).clamp(-1, 1), 0.5, 50)
    torch.testing.assert_close(assignment.sum(dim=1), torch.ones(32))
    torch.testing.assert_close(assignment.sum(dim=0), torch.full((8,), 4.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(dtype):
    scores = torch.ones(2, 3, dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assignment = sinkhorn(scores, 0.05, 3)
    assert assignment.dtype == torch.float32
    torch.testing.assert_close(assignment, torch.full((2, 3), 1 / 3))


def test_scores_stay_and_get_no_gradient():
    scores = torch.rand(3, 4, requires_grad=True)
    before = scores.detach().clone()
    assert not sinkhorn(scores).requires_grad
    assert torch.equal(scores, before)
