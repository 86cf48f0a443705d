# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch

from mmluss.models.pixel_attention.foreground_score import foreground_weights, stretch_scores


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_each_image_is_stretched_by_itself(dtype):
    scores = torch.tensor([[[0.5, 0.25], [0.375, 0.5]], [[0.75, 0.5], [1.0, 0.625]]], dtype=dtype)
    stretched = stretch_scores(scores)
    assert stretched.dtype == torch.float32
    expected = torch.tensor([[[1, 0], [0.5, 1]], [[0.5, 0], [1, 0.25]]])
    torch.testing.assert_close(stretched, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(stretch_scores(scores[1]), stretched[1])


def test_order_of_pixels_stays():
    score = torch.randn(7, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(stretch_scores(score).flatten().argsort(), score.flatten().argsort())


def test_scores_that_are_all_alike():
    torch.testing.assert_close(stretch_scores(torch.full((2, 3, 4), 0.7)), torch.zeros(2, 3, 4))


def test_weights_are_a_power_of_relative_scores():
    scores = torch.tensor([[[0.5, 0.25], [0.375, 0.5]], [[0.75, 0.5], [1.0, 0.625]]])
    expected = torch.tensor([[[1, 0], [0.25, 1]], [[0.25, 0], [1, 0.0625]]])
    torch.testing.assert_close(foreground_weights(scores, power=2), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(foreground_weights(scores), expected**2, atol=1e-4, rtol=0)


def test_without_a_foreground_all_pixels_weigh_the_same():
    scores = torch.stack([torch.full((3, 4), 0.7), torch.arange(12.0).reshape(3, 4)])
    weights = foreground_weights(scores)
    assert (weights[0] == 1).all() and weights[1].max() < 1.001 and weights[1].min() == 0
