# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Labels without training: one support vector a label and image, votes of the nearest (distance-matching protocol)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmluss.datasets.label_codec import IGNORE_INDEX

MAX_SIMILARITIES = 2**24
"""Similarities held at once: 64 MiB in float32."""


def support_embeddings(features: Tensor, mask: Tensor, upsampling: int = 4) -> tuple[Tensor, Tensor]:
    """Support vectors of one image: for each label, the mean over all positions of the features under its mask.

    Args:
        features: Deepest feature map ``(C, h, w)``, any floating dtype.
        mask: Ids ``(H, W)``, any integer dtype; 0 is a label like others, 1000 is none.
        upsampling: Factor by which the feature map is enlarged, bilinear; the mask is brought to that size, nearest.

    Returns:
        ``(n, C)`` float32, not normalized, and its labels ``(n,)`` int64, ascending.
    """
    enlarged = _enlarge(features[None].float(), upsampling)[0]
    ids = F.interpolate(mask[None, None].float(), size=enlarged.shape[1:], mode="nearest").long().flatten()
    labels = ids.unique()
    labels = labels[labels != IGNORE_INDEX]
    members = (labels[:, None] == ids).float()
    return members @ enlarged.flatten(1).T / ids.numel(), labels


@torch.no_grad()
def knn_labels(
    features: Tensor,
    supports: Tensor,
    support_labels: Tensor,
    k: int = 10,
    temperature: float = 0.07,
    upsampling: int = 4,
    max_similarities: int = MAX_SIMILARITIES,
) -> Tensor:
    """Label of each position of the enlarged feature map: the k supports of largest cosine vote with exp(cos / T).

    Dot products are linear in the features, so they are taken at the resolution of the backbone and the similarities
    are enlarged: the same numbers for 1 / upsampling^2 of the multiplications. Memory beside input and output: the
    similarities of a block of supports.

    Args:
        features: Deepest feature map ``(C, h, w)``, any floating dtype; the length of a feature vector plays no part.
        supports: Unit vectors ``(M, C)`` float32.
        support_labels: ``(M,)`` int64.
        k: Neighbors that vote, at most M.
        temperature: T, > 0; smaller is sharper.
        upsampling: Factor by which the feature map is enlarged, bilinear.
        max_similarities: Similarities (positions x supports) held at once, but never less than k at each position.

    Returns:
        ``(upsampling * h, upsampling * w)`` int64; the smallest label in a tie.

    Raises:
        ValueError: If features and supports differ in C, or there is no support.
    """
    if features.ndim != 3 or supports.ndim != 2 or features.shape[0] != supports.shape[1] or not len(supports):
        raise ValueError(
            f"features (C, h, w) and supports (M, C) must share C and M be at least 1; got {tuple(features.shape)} and "
            f"{tuple(supports.shape)}. Were the supports made with another backbone?"
        )
    with torch.autocast(features.device.type, enabled=False):
        features = features.float()
        positions = features.shape[1] * features.shape[2] * upsampling**2
        block_size = max(k, max_similarities // positions)
        similarities, labels = _nearest(features, supports, support_labels, k, upsampling, block_size)
        lengths = _lengths(features, upsampling, block_size)
        cosines = similarities / lengths.flatten()[:, None].clamp_min(torch.finfo(torch.float32).tiny)
        return _vote(cosines / temperature, labels).view(lengths.shape)


def _enlarge(maps: Tensor, upsampling: int) -> Tensor:
    return F.interpolate(maps, scale_factor=upsampling, mode="bilinear", align_corners=False)


def _nearest(
    features: Tensor, supports: Tensor, support_labels: Tensor, k: int, upsampling: int, block_size: int
) -> tuple[Tensor, Tensor]:
    """Largest dot products of each enlarged position, and the labels they belong to, each ``(positions, k)``."""
    _, height, width = features.shape
    rows = features.flatten(1).T.contiguous()
    best, best_labels = features.new_empty(0), support_labels.new_empty(0)
    for block, labels in zip(supports.split(block_size), support_labels.split(block_size), strict=True):
        # Channels-last: interpolation is several times faster along the supports, and top-k needs no copy.
        products = (rows @ block.T).view(1, height, width, -1).permute(0, 3, 1, 2)
        products = _enlarge(products, upsampling).permute(0, 2, 3, 1).flatten(0, 2)
        values, indices = products.topk(min(k, len(block)), dim=1)
        if best.numel():
            values, order = torch.cat([best, values], dim=1).topk(min(k, best.shape[1] + values.shape[1]), dim=1)
            best_labels = torch.cat([best_labels, labels[indices]], dim=1).gather(1, order)
        else:
            best_labels = labels[indices]
        best = values
    return best, best_labels


def _lengths(features: Tensor, upsampling: int, block_size: int) -> Tensor:
    """Lengths of the enlarged feature vectors, ``(upsampling * h, upsampling * w)``."""
    blocks = features[None].split(block_size, dim=1)
    squares = (_enlarge(block, upsampling)[0].square().sum(dim=0) for block in blocks)
    return sum(squares, features.new_zeros(())).sqrt()


def _vote(logits: Tensor, labels: Tensor) -> Tensor:
    """Label of the largest sum of exp(logits), for logits and labels ``(positions, k)``."""
    # Relative to the largest, or exp would overflow at small temperatures.
    weights = (logits - logits.amax(dim=1, keepdim=True)).exp()
    votes = torch.zeros_like(weights)
    for voter in range(weights.shape[1]):
        votes += weights[:, voter, None] * (labels == labels[:, voter, None])
    winners = votes == votes.amax(dim=1, keepdim=True)
    return labels.where(winners, torch.iinfo(labels.dtype).max).amin(dim=1)
