# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math

import pytest
import torch
import torch.nn.functional as F

from mmluss.models.pretraining.losses import (
    assignment_cross_entropy,
    deep_to_shallow_loss,
    image_to_image_loss,
    pixel_to_pixel_loss,
    total_loss,
)


def assignments(count: int, batch: int, prototypes: int) -> list[torch.Tensor]:
    return list(torch.rand(count, batch, prototypes).softmax(dim=2))


def slow_cross_entropy(assignment, scores, temperature: float) -> float:
    total = 0.0
    for target, row in zip(assignment.double(), scores.double(), strict=True):
        logits = [float(score) / temperature for score in row]
        normalizer = math.log(sum(math.exp(logit) for logit in logits))
        for share, logit in zip(target, logits, strict=True):
            total -= float(share) * (logit - normalizer)
    return total / len(scores)


def test_cross_entropy_is_that_of_torch():
    assignment, scores = assignments(1, 5, 7)[0], torch.randn(5, 7)
    expected = F.cross_entropy(scores / 0.2, assignment)
    torch.testing.assert_close(assignment_cross_entropy(assignment, scores, 0.2), expected)


def test_flat_scores_cost_the_logarithm_of_the_prototypes():
    loss = assignment_cross_entropy(assignments(1, 5, 7)[0], torch.zeros(5, 7))
    assert float(loss) == pytest.approx(math.log(7))


@pytest.mark.parametrize("crops", [2, 5])
def test_image_to_image_pairs_each_assignment_with_all_other_crops(crops):
    targets, scores = assignments(2, 3, 4), list(torch.randn(crops, 3, 4))
    expected = 0.0
    for i in range(2):
        for v in range(crops):
            if v != i:
                expected += slow_cross_entropy(targets[i], scores[v], 0.1) / (crops - 1) / 2
    assert float(image_to_image_loss(targets, scores, 0.1)) == pytest.approx(expected, rel=1e-5)


def test_deep_to_shallow_crosses_the_crops():
    targets, scores = assignments(2, 3, 4), list(torch.randn(2, 3, 4))
    expected = (slow_cross_entropy(targets[0], scores[1], 0.1) + slow_cross_entropy(targets[1], scores[0], 0.1)) / 2
    assert float(deep_to_shallow_loss(targets, scores, 0.1)) == pytest.approx(expected, rel=1e-5)


def test_pixel_to_pixel_crosses_the_crops_and_counts_zeros():
    predictions, embeddings = torch.randn(2, 3, 6, 2, 2), torch.randn(2, 3, 6, 2, 2)
    embeddings[0, 1] = 0
    expected = 0.0
    for first, second in ((0, 1), (1, 0)):
        for image in range(3):
            for y in range(2):
                for x in range(2):
                    p = predictions[first, image, :, y, x]
                    z = embeddings[second, image, :, y, x]
                    norm = float(p.norm() * z.norm())
                    expected -= float(p @ z) / norm / 24 if norm else 0.0
    computed = pixel_to_pixel_loss(list(predictions), list(embeddings))
    assert float(computed) == pytest.approx(expected, rel=1e-5)


def test_pixel_embeddings_get_no_gradient():
    predictions = torch.randn(2, 1, 4, 2, 2, requires_grad=True)
    embeddings = torch.randn(2, 1, 4, 2, 2, requires_grad=True)
    pixel_to_pixel_loss(list(predictions), list(embeddings)).backward()
    assert embeddings.grad is None
    assert predictions.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("loss", "shape"),
    [
        (lambda scores: image_to_image_loss(TARGETS, list(scores)), (3, 4, 5)),
        (lambda scores: deep_to_shallow_loss(TARGETS, list(scores)), (2, 4, 5)),
        (lambda predictions: pixel_to_pixel_loss(list(predictions), list(PIXELS)), (2, 4, 8, 3, 3)),
    ],
    ids=["image_to_image", "deep_to_shallow", "pixel_to_pixel"],
)
def test_twenty_gradient_steps_lower_the_loss(loss, shape):
    parameter = torch.nn.Parameter(torch.randn(shape))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    values = []
    for _ in range(20):
        optimizer.zero_grad()
        value = loss(parameter)
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < values[0] - 0.01


TARGETS = list(torch.eye(5)[torch.tensor([[0, 1, 2, 3], [0, 1, 2, 3]])])
PIXELS = torch.ones(2, 4, 8, 3, 3)


@pytest.mark.parametrize(
    ("weights", "pixel", "expected"), [((1, 1), None, 4.0), ((3, 1), -0.5, 3.0), ((1, 1, 2), 0.25, 2.25)]
)
def test_total_is_the_weighted_mean_plus_the_pixel_loss(weights, pixel, expected):
    terms = [torch.tensor(3.0), torch.tensor(5.0)]
    assert float(total_loss(terms, weights, None if pixel is None else torch.tensor(pixel))) == pytest.approx(expected)
