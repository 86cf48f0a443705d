# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A vision transformer whose position embeddings are resized as in the published semi-supervised rows."""

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models.backbones import VisionTransformer
from mmseg.registry import MODELS
from torch import Tensor

# Added to the number of patches before it is divided by the stored number, which keeps rounding from losing a row.
_OFFSET = 0.1


# mmpretrain resizes to a number of patches, which puts the sampling positions elsewhere.
@MODELS.register_module()
class ScaledPositionViT(VisionTransformer):
    """The ``VisionTransformer`` of mmpretrain with position embeddings resized by a factor.

    Embeddings are stored for a square of n x n patches. They are used as they are for square images of n x n patches;
    for all others they are resized bicubically by ``(h + 0.1) / n`` and ``(w + 0.1) / n``, for h x w patches.

    Args:
        **kwargs: As for ``VisionTransformer``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Feature maps ``(B, C, h, w)`` of normalized images ``(B, 3, H, W)``."""
        square = x.shape[-2] == x.shape[-1]
        x, patches = self.patch_embed(x)
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        x = self.pre_norm(self.drop_after_pos(x + self.position_embeddings(patches, square)))
        maps = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index == len(self.layers) - 1 and self.final_norm:
                x = self.ln1(x)
            if index in self.out_indices:
                maps.append(self._format_output(x, patches))
        return tuple(maps)

    def position_embeddings(self, patches: tuple[int, int], square: bool) -> Tensor:
        """Embeddings ``(1, extra + h * w, C)`` for an image of h x w patches; those of extra tokens are not resized.

        Args:
            patches: Rows h and columns w of patches.
            square: Whether the image, not only its patches, is as high as wide.
        """
        stored = tuple(self.patch_resolution)
        if square and patches[0] * patches[1] == stored[0] * stored[1]:
            return self.pos_embed
        extra, grid = self.pos_embed[:, : self.num_extra_tokens], self.pos_embed[:, self.num_extra_tokens :]
        grid = grid.unflatten(1, stored).permute(0, 3, 1, 2)
        factors = [(new + _OFFSET) / old for new, old in zip(patches, stored, strict=True)]
        resized = F.interpolate(grid, scale_factor=factors, mode="bicubic", align_corners=False)
        return torch.cat((extra, resized.flatten(2).transpose(1, 2)), dim=1)
