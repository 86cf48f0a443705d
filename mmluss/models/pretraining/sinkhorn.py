# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Balanced assignment of samples to prototypes (PASS, section 3.2; the Sinkhorn-Knopp step of swapped prediction)."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor


# mmpretrain's Sinkhorn all-reduces only in a branch that ordinary runs never take: across GPUs it balances nothing.
@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.05, iterations: int = 3) -> Tensor:
    """Turn scores into soft assignments in which every prototype gets an equal share of all samples.

    Row and column sums run over the samples of all processes; each process passes its own rows and gets them back.

    Args:
        scores: Cosine similarities of samples and prototypes, ``(B, K)``, any floating dtype.
        epsilon: Entropy regularization, > 0; smaller is sharper.
        iterations: Rounds of normalizing prototypes, then samples; 0 only scales the whole matrix.

    Returns:
        Assignments ``(B, K)``, float32 (exp overflows in half precision); after one round or more each row sums to 1.

    Example:
        >>> scores = torch.tensor([[0.9, 0.1], [0.8, 0.1], [0.1, 0.0], [0.2, 0.1]])
        >>> assignment = sinkhorn(scores)
        >>> assignment.sum(dim=1)
        tensor([1., 1., 1., 1.])
        >>> assignment.argmax(dim=1)
        tensor([0, 0, 1, 1])
    """
    with torch.autocast(scores.device.type, enabled=False):
        assignment = torch.exp(scores.float() / epsilon)
        num_prototypes = scores.shape[1]
        # Filled where it is: a copy from the host would have it wait for the device.
        num_samples = assignment.new_full((), scores.shape[0])
        all_reduce(num_samples)
        total = assignment.sum()
        all_reduce(total)
        assignment /= total
        for _ in range(iterations):
            prototype_share = assignment.sum(dim=0, keepdim=True)
            all_reduce(prototype_share)
            assignment /= prototype_share * num_prototypes
            assignment /= assignment.sum(dim=1, keepdim=True) * num_samples
        return assignment * num_samples
