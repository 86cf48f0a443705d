# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Pixel labels from features, centroids and foreground scores (PASS, arXiv 2106.03149, section on pixel labels)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmluss.utils.renamed_arguments import renamed_arguments

MAX_SIMILARITIES = 2**24
"""Cosine similarities held at once: 64 MiB in float32."""


def nearest_centroids(
    features: Tensor,
    centroids: Tensor,
    max_similarities: int = MAX_SIMILARITIES,
    image_evidence: Tensor | None = None,
) -> Tensor:
    """Cluster of each position: one plus the centroid of the largest cosine, the first one in a tie.

    Memory beside the input and the output: at most ``max_similarities`` similarities and the features they come from,
    in float32 (but never less than one position of each image).

    Args:
        features: ``(B, C, h, w)``, any floating dtype; the length of a feature vector plays no part.
        centroids: ``(K, C)``, any floating dtype; normalized here.
        max_similarities: Similarities (B x K x positions) computed at once.
        image_evidence: ``(B, K)`` float32 added to the cosines of all positions of an image, so that they share what
            the whole image looks like; None for none.

    Returns:
        ``(B, h, w)`` int64 in 1..K.

    Raises:
        ValueError: The channels of features and centroids differ, or there is no centroid.

    Example:
        >>> features = torch.tensor([[1.0, 0.2], [0.1, 3.0]]).view(1, 2, 1, 2)
        >>> nearest_centroids(features, torch.eye(2)).tolist()
        [[[1, 2]]]
    """
    if centroids.ndim != 2 or features.ndim != 4 or centroids.shape[1] != features.shape[1] or not len(centroids):
        raise ValueError(
            f"features (B, C, h, w) and centroids (K, C) must share C and K be at least 1; got {tuple(features.shape)} "
            f"and {tuple(centroids.shape)}. Were the centroids made with another backbone?"
        )
    directions = F.normalize(centroids.float(), dim=1)
    positions = max(1, max_similarities // max(1, len(features) * len(centroids)))
    with torch.autocast(features.device.type, enabled=False):
        nearest = []
        for block in features.flatten(2).split(positions, dim=2):
            if image_evidence is None:
                similarity = torch.matmul(directions, block.float())
            else:
                similarity = torch.matmul(directions, F.normalize(block.float(), dim=1)) + image_evidence[..., None]
            nearest.append(similarity.argmax(dim=1))
    return torch.cat(nearest, dim=1).view(features.shape[0], *features.shape[2:]) + 1


@renamed_arguments({"category": "cluster"}, "resize_pixel_labels")
def resize_pixel_labels(
    cluster: Tensor, score: Tensor, size: tuple[int, int], threshold: float | Tensor | None
) -> tuple[Tensor, Tensor]:
    """Label map at image size: cluster by nearest, score by bilinear (align_corners False), 0 where score < threshold.

    Args:
        cluster: ``(h, w)`` integer ids 1..K at feature resolution.
        score: ``(h', w')`` foreground score at feature resolution, or at image size already (a saliency map), which
            leaves it as it is.
        size: ``(H, W)`` of the image, pixels.
        threshold: Foreground threshold, compared with the score in float32; None keeps the cluster of every pixel.

    Returns:
        Label ``(H, W)`` int64 and score ``(H, W)`` float32.
    """
    size = (int(size[0]), int(size[1]))
    label = F.interpolate(cluster[None, None].float(), size=size, mode="nearest")[0, 0].long()
    score = F.interpolate(score[None, None].float(), size=size, mode="bilinear", align_corners=False)[0, 0]
    if threshold is None:
        return label, score
    threshold = torch.as_tensor(threshold, dtype=torch.float32, device=score.device)
    return label.masked_fill(score < threshold, 0), score
