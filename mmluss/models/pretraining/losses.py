# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The losses of PASS pretraining and their sum as functions of tensors (PASS, sections 3.2 to 3.4)."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def assignment_cross_entropy(assignment: Tensor, scores: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy between soft assignments and the softmax of scores, averaged over samples.

    Args:
        assignment: Targets, rows sum to 1, ``(B, K)``.
        scores: Cosine similarities to the prototypes, ``(B, K)``.
        temperature: Divides the scores, > 0.

    Returns:
        Scalar, float32, >= 0; ``ln K`` when scores tell nothing.
    """
    log_probability = F.log_softmax(scores.float() / temperature, dim=1)
    return -(assignment * log_probability).sum(dim=1).mean()


def image_to_image_loss(assignments: Sequence[Tensor], scores: Sequence[Tensor], temperature: float = 0.1) -> Tensor:
    """Swapped prediction: the assignment of one large crop is predicted from every other crop.

    Args:
        assignments: One ``(B, K)`` for each assignment crop; assignment i belongs to crop i.
        scores: One ``(B, K)`` for each of the V crops, V >= 2.
        temperature: Divides the scores, > 0.

    Returns:
        Scalar, float32: mean over assignment crops of the mean over all other crops.
    """
    zero = scores[0].new_zeros(())
    per_crop = []
    for i, assignment in enumerate(assignments):
        terms = (assignment_cross_entropy(assignment, other, temperature) for v, other in enumerate(scores) if v != i)
        per_crop.append(sum(terms, zero) / (len(scores) - 1))
    return sum(per_crop, zero) / len(per_crop)


def deep_to_shallow_loss(
    assignments: Sequence[Tensor], shallow_scores: Sequence[Tensor], temperature: float = 0.1
) -> Tensor:
    """The deep assignment of one large crop is predicted from the shallow features of the other one.

    Args:
        assignments: Deep assignments of crops 0 and 1, two of ``(B, K)``.
        shallow_scores: Scores of the shallow stage for crops 0 and 1, two of ``(B, K)``.
        temperature: Divides the scores, > 0.

    Returns:
        Scalar, float32: mean over both directions.
    """
    first, second = (
        assignment_cross_entropy(assignment, other, temperature)
        for assignment, other in zip(assignments, reversed(shallow_scores), strict=True)
    )
    return (first + second) / 2


def pixel_to_pixel_loss(predictions: Sequence[Tensor], embeddings: Sequence[Tensor]) -> Tensor:
    """Negative cosine between what one crop predicts for a pixel and the other crop's embedding of the same pixel.

    Args:
        predictions: Predictor outputs of crops 0 and 1 on the overlap grid, two of ``(B, D, S, S)``.
        embeddings: Pixel embeddings at the same positions, two of ``(B, D, S, S)``; no gradient flows into them.
            Positions outside of a crop are zero and count with cosine 0.

    Returns:
        Scalar in [-1, 1], float32.

    Example:
        >>> import torch
        >>> same = torch.ones(2, 8, 7, 7)
        >>> round(pixel_to_pixel_loss([same, same], [same, same]).item(), 4)
        -1.0
    """
    first = F.cosine_similarity(predictions[0].float(), embeddings[1].detach().float(), dim=1).mean()
    second = F.cosine_similarity(predictions[1].float(), embeddings[0].detach().float(), dim=1).mean()
    return -(first + second) / 2


def total_loss(image_terms: Sequence[Tensor], weights: Sequence[float], pixel: Tensor | None = None) -> Tensor:
    """The loss of step 1: weighted mean of the losses over prototypes, plus the pixel-to-pixel loss.

    Args:
        image_terms: The image-to-image loss, then one deep-to-shallow loss for each shallow stage; scalars.
        weights: Weights of these terms, at least as many; the sum of all divides, of weights beyond those too.
        pixel: The pixel-to-pixel loss, or None where pixels are not aligned.

    Returns:
        Scalar.

    Example:
        >>> import torch
        >>> total_loss([torch.tensor(3.0), torch.tensor(5.0)], [1.0, 1.0], torch.tensor(-0.5))
        tensor(3.5000)
    """
    terms = (weight * term for weight, term in zip(weights, image_terms, strict=False))
    weighted = sum(terms, image_terms[0].new_zeros(())) / sum(weights)
    return weighted if pixel is None else weighted + pixel
