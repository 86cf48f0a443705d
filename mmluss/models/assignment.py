# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Assignment of the large crops to prototypes with the help of the queue (PASS, section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmluss.models.embedding_queue import EmbeddingQueue
from mmluss.models.prototypes import Prototypes
from mmluss.models.sinkhorn import sinkhorn


@dataclass(frozen=True)
class CropAssignments:
    """Assignments of the current batch, one for each large crop, and of all rows they were balanced with.

    Attributes:
        assignments: One ``(B, K)`` float32 for each assignment crop.
        balanced: The same with the queue's rows in front, ``(L + B, K)``.
    """

    assignments: tuple[Tensor, ...]
    balanced: tuple[Tensor, ...]

    def statistics(self) -> dict[str, Tensor]:
        """Mean entropy of an assignment in nats, and the number of prototypes that are some row's favourite."""
        stacked = torch.cat(self.balanced)
        return dict(
            assignment_entropy=torch.special.entr(stacked).sum(dim=1).mean(),
            prototypes_in_use=stacked.argmax(dim=1).unique().numel() * stacked.new_ones(()),
        )


@torch.no_grad()
def assign_crops(
    scores: Sequence[Tensor],
    embeddings: Sequence[Tensor],
    prototypes: Prototypes,
    queue: EmbeddingQueue | None,
    epsilon: float,
    iterations: int,
) -> CropAssignments:
    """Balance each large crop's scores together with its queue, then push the new embeddings to the queue.

    Args:
        scores: One ``(B, K)`` for each assignment crop.
        embeddings: The unit vectors they came from, one ``(B, D)`` for each assignment crop.
        prototypes: Scores the rows of the queue.
        queue: Rows of earlier batches, or None.
        epsilon: Entropy regularisation of the assignment, > 0.
        iterations: Rounds of balancing.
    """
    balanced = []
    for crop, current in enumerate(scores):
        earlier = None if queue is None else queue.rows(crop)
        stacked = current if earlier is None else torch.cat([prototypes(earlier).to(current), current])
        balanced.append(sinkhorn(stacked, epsilon, iterations))
    if queue is not None:
        queue.push(embeddings)
    return CropAssignments(
        assignments=tuple(rows[-len(current) :] for rows, current in zip(balanced, scores, strict=True)),
        balanced=tuple(balanced),
    )
