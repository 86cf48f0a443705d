# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Prototypes: the unit vectors that embeddings are assigned to (PASS, section 3.2)."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class Prototypes(BaseModule):
    """K prototype vectors; scores are the dot products with them.

    Args:
        embedding_dim: Length D of an embedding.
        num_prototypes: Number K of prototypes; several times D, or the embeddings collapse.
        init_cfg: Initialization config of mmengine.

    Attributes:
        frozen: While true the prototypes get a gradient of zero.
    """

    def __init__(self, embedding_dim: int, num_prototypes: int, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.weight = nn.Parameter(nn.Linear(embedding_dim, num_prototypes, bias=False).weight.detach())
        self.frozen = False

    @property
    def num_prototypes(self) -> int:
        """Number K of prototypes."""
        return self.weight.shape[0]

    @torch.no_grad()
    def normalize_(self) -> None:
        """Scale every prototype to unit length, in place."""
        self.weight.copy_(F.normalize(self.weight, dim=1))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Scores ``(B, K)`` of embeddings ``(B, D)``."""
        weight: Tensor = self.weight
        if self.frozen:
            # A zero gradient, not a missing one: distributed training waits for the gradient of every parameter.
            weight = weight.detach() + 0 * weight
        return F.linear(embeddings, weight)

    def forward_detached(self, embeddings: Tensor) -> Tensor:
        """Scores ``(B, K)`` of embeddings ``(B, D)`` without a gradient for the prototypes."""
        return F.linear(embeddings, self.weight.detach())
