# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Swapped prediction: the assignment of one crop to prototypes is predicted from the other crops (PASS, section 3.2).

The idea is that of SwAV (Caron et al., arXiv 2006.09882). Prototypes, queue, balanced assignment (``sinkhorn``) and
the image-to-image loss meet here, for steps 1 and 2.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine import dist
from torch import Tensor

from mmluss.models.pretraining.embedding_queue import EmbeddingQueue
from mmluss.models.pretraining.losses import image_to_image_loss
from mmluss.models.pretraining.prototypes import Prototypes
from mmluss.models.pretraining.sinkhorn import sinkhorn

ASSIGNMENT_CROPS = 2
"""Large crops, which come first and whose assignments the others predict."""


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
        """Mean entropy of an assignment in nats, and the number of prototypes that are some row's favorite.

        Both are of the rows of all processes.
        """
        stacked = torch.cat(self.balanced)
        # Counted without ``unique``, whose result has a size that the host would have to wait for.
        favorites = stacked.new_zeros(stacked.shape[1]).index_fill(0, stacked.argmax(dim=1), 1)
        entropy = torch.special.entr(stacked).sum(dim=1).mean()
        dist.all_reduce(favorites, "max")
        dist.all_reduce(entropy, "mean")
        return dict(assignment_entropy=entropy, prototypes_in_use=favorites.sum())


class SwappedPrediction:
    """Compares embeddings with prototypes and has crops predict each other's assignments.

    It has no parameters of its own: prototypes and queue are the model's, under whose names checkpoints know them.

    Args:
        prototypes: What embeddings are assigned to.
        queue: Embeddings of earlier batches that take part in balancing, or None.
        temperature: Softmax temperature, > 0.
        epsilon: Entropy regularization of the assignment, > 0.
        iterations: Rounds of balancing, 1 or more.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        prototypes: Prototypes,
        queue: EmbeddingQueue | None = None,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        iterations: int = 3,
    ) -> None:
        if temperature <= 0 or epsilon <= 0 or iterations < 1:
            raise ValueError(
                "temperature and epsilon are above 0 and rounds of balancing (sinkhorn_iterations) at least 1, not "
                f"{temperature}, {epsilon} and {iterations}"
            )
        self.prototypes = prototypes
        self.queue = queue
        self.temperature = temperature
        self.epsilon = epsilon
        self.iterations = iterations

    @classmethod
    def build(
        cls,
        embedding_dim: int,
        num_prototypes: int,
        queue: dict | None = None,
        init_cfg: dict | None = None,
        **settings: float,
    ) -> "SwappedPrediction":
        """Make prototypes and queue for embeddings of a length.

        Args:
            embedding_dim: Length D of an embedding.
            num_prototypes: Number K of prototypes.
            queue: ``dict(length=...)`` for ``EmbeddingQueue``, or None.
            init_cfg: Of the prototypes.
            **settings: ``temperature``, ``epsilon`` and ``iterations``.
        """
        prototypes = Prototypes(embedding_dim, num_prototypes, init_cfg)
        rows = None if queue is None else EmbeddingQueue(embedding_dim=embedding_dim, **queue)
        return cls(prototypes, rows, **settings)  # type: ignore[arg-type]

    def __call__(self, embeddings: Tensor, num_crops: int) -> tuple[Tensor, CropAssignments]:
        """Image-to-image loss and the assignments it was made with; the embeddings go to the queue.

        Args:
            embeddings: ``(V * B, D)``, unit length, crop by crop, the large crops first.
            num_crops: V, 2 or more.

        Returns:
            The loss, a scalar, and the assignments of the large crops.
        """
        self.prototypes.normalize_()
        scores = self.prototypes(embeddings).chunk(num_crops)
        assigned = self.assign(scores[:ASSIGNMENT_CROPS], embeddings.detach().chunk(num_crops)[:ASSIGNMENT_CROPS])
        return image_to_image_loss(assigned.assignments, scores, self.temperature), assigned

    @torch.no_grad()
    def assign(self, scores: Sequence[Tensor], embeddings: Sequence[Tensor]) -> CropAssignments:
        """Balance each large crop's scores together with its queue, then push the new embeddings to the queue.

        Args:
            scores: One ``(B, K)`` for each assignment crop.
            embeddings: The unit vectors they came from, one ``(B, D)`` for each assignment crop.
        """
        balanced = []
        for crop, current in enumerate(scores):
            earlier = None if self.queue is None else self.queue.rows(crop, len(current))
            stacked = current if earlier is None else torch.cat([self.prototypes(earlier).to(current), current])
            balanced.append(sinkhorn(stacked, self.epsilon, self.iterations))
        if self.queue is not None:
            self.queue.push(embeddings)
        return CropAssignments(
            assignments=tuple(rows[-len(current) :] for rows, current in zip(balanced, scores, strict=True)),
            balanced=tuple(balanced),
        )
