# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
import torch.nn.functional as F

from mmluss.models.fine_tuning.resized_argmax import argmax_resized, label_map


def full_argmax(logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)[0].argmax(dim=0)


@pytest.mark.parametrize("max_logits", [1, 33 * 47, 3 * 33 * 47 + 5, 2**25])
def test_argmax_in_blocks_equals_that_of_all_classes(max_logits):
    logits = torch.randn(11, 5, 7)
    labels = argmax_resized(logits, (33, 47), max_logits)
    assert labels.dtype == torch.int64
    assert torch.equal(labels, full_argmax(logits, (33, 47)))


@pytest.mark.parametrize("max_logits", [1, 2 * 16, 2**25])
def test_first_class_wins_a_tie(max_logits):
    logits = torch.zeros(5, 2, 2)
    logits[0] = -1
    assert (argmax_resized(logits, (4, 4), max_logits) == 1).all()


def test_half_precision_logits_are_resized_in_single():
    logits = torch.randn(6, 3, 3)
    assert torch.equal(argmax_resized(logits.half(), (9, 9)), full_argmax(logits.half().float(), (9, 9)))


@pytest.mark.parametrize("max_resolution", [0, -1, 40])
def test_small_images_are_labeled_at_full_size(max_resolution):
    logits = torch.randn(4, 5, 6)
    assert torch.equal(label_map(logits, (40, 40), max_resolution), full_argmax(logits, (40, 40)))


@pytest.mark.parametrize(
    ("size", "side", "limited"),
    [
        ((41, 60), "height", (40, 58)),
        ((80, 30), "height", (40, 15)),
        ((41, 60), "long", (27, 40)),
        ((80, 30), "long", (40, 15)),
        ((30, 80), "long", (15, 40)),
    ],
)
def test_large_images_are_labeled_at_a_limited_size(size, side, limited):
    logits = torch.randn(4, 5, 6)
    small = full_argmax(logits, limited)
    expected = F.interpolate(small[None, None].float(), size=size, mode="nearest")[0, 0].long()
    assert torch.equal(label_map(logits, size, 40, side), expected)


def test_unknown_side_is_refused():
    with pytest.raises(ValueError, match="limited_side must be 'height' or 'long', got 'short'"):
        label_map(torch.zeros(2, 2, 2), (4, 4), limited_side="short")
