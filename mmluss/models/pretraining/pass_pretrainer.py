# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Step 1: pretraining with image, deep-to-shallow and pixel alignment (PASS, sections 3.2 to 3.4)."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Literal

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel, ModuleDict
from mmseg.registry import MODELS
from torch import Tensor

from mmluss.models.backbones.feature_channels import feature_channels
from mmluss.models.pretraining.losses import deep_to_shallow_loss, pixel_to_pixel_loss, total_loss
from mmluss.models.pretraining.projectors import PixelPredictor, PixelProjector, ShallowProjector, build_projector
from mmluss.models.pretraining.swapped_prediction import SwappedPrediction

_DEEPEST_STAGE = 4


@MODELS.register_module()
class PASSPretrainer(BaseModel):
    """Learns a backbone from unlabeled images.

    Args:
        backbone: Any mmseg, mmpretrain or timm backbone that returns a tuple of feature maps; the last is stage 4, the
            one before stage 3, and so on.
        hidden_channels: Width of the hidden layers of all projectors.
        embedding_dim: Length D of an embedding.
        num_prototypes: Number K of prototypes.
        queue: ``dict(length=...)`` for ``EmbeddingQueue``, or None. ``PrototypeHook`` says from which epoch it fills.
        shallow_stages: Stages of the deep-to-shallow loss, e.g. ``[3]`` or ``[3, 2]``; empty for none.
        pixel_alignment: Whether there is a pixel-to-pixel loss.
        image_projector: Whether a projector makes the embeddings. False takes the pooled features as they are, of
            which ``embedding_dim`` then says nothing: a backbone that comes trained needs no projector, and a short
            training cannot make a good one.
        loss_weights: Weight of the image loss, then one for each shallow stage in the order given. The sum of all
            divides, of weights beyond those too.
        temperature: Softmax temperature, > 0.
        epsilon: Entropy regularization of the assignment, > 0.
        sinkhorn_iterations: Rounds of balancing.
        data_preprocessor: Config, usually of ``LUSSDataPreProcessor``.
        init_cfg: Initialization config of mmengine.

    Raises:
        ValueError: If there are fewer weights than losses, weights that add up to nothing, a shallow stage twice or one
            that the backbone does not return, or a number out of range.

    Example:
        >>> backbone = dict(type="ResNet", depth=18, stem_channels=8, base_channels=8)
        >>> model = PASSPretrainer(backbone, hidden_channels=16, embedding_dim=8, num_prototypes=10)
        >>> inputs = dict(crops=[torch.rand(4, 3, 32, 32) for _ in range(2)], grid=torch.zeros(4, 2, 7, 7, 2))
        >>> sorted(model(inputs, mode="loss"))
        ['assignment_entropy', 'd2s_stage3', 'i2i', 'loss', 'p2p', 'prototypes_in_use']
    """

    def __init__(
        self,
        backbone: dict,
        hidden_channels: int,
        embedding_dim: int,
        num_prototypes: int,
        queue: dict | None = None,
        shallow_stages: Sequence[int] = (3,),
        pixel_alignment: bool = True,
        loss_weights: Sequence[float] = (1.0, 1.0),
        image_projector: bool = True,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        sinkhorn_iterations: int = 3,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if len(loss_weights) < 1 + len(shallow_stages):
            raise ValueError(
                f"loss_weights needs one weight for the image loss and one for each of the {len(shallow_stages)} "
                f"shallow stages, got {list(loss_weights)}."
            )
        if min(loss_weights) < 0 or sum(loss_weights) <= 0:
            raise ValueError(f"loss_weights are 0 or more, one of them above, not {list(loss_weights)}.")
        if len(set(shallow_stages)) < len(shallow_stages):
            raise ValueError(f"shallow_stages={list(shallow_stages)} names a stage twice.")
        self.backbone = MODELS.build(backbone)
        channels = feature_channels(self.backbone)
        for stage in shallow_stages:
            if not 0 <= _DEEPEST_STAGE - stage < len(channels):
                raise ValueError(
                    f"Stage {stage} is not among the {len(channels)} feature maps of {type(self.backbone).__name__} "
                    f"(stage 4 is the last): change its out_indices or model.shallow_stages={list(shallow_stages)}."
                )
        self.projector, image_dim = build_projector(channels[-1], hidden_channels, embedding_dim, image_projector)
        self.swapped_prediction = SwappedPrediction.build(
            image_dim,
            num_prototypes,
            queue,
            temperature=temperature,
            epsilon=epsilon,
            iterations=sinkhorn_iterations,
        )
        self.prototypes = self.swapped_prediction.prototypes
        self.queue = self.swapped_prediction.queue
        self.shallow_projectors = ModuleDict(
            {
                f"stage{stage}": ShallowProjector(channels[stage - _DEEPEST_STAGE - 1], hidden_channels, image_dim)
                for stage in shallow_stages
            }
        )
        self.pixel_alignment = pixel_alignment
        if pixel_alignment:
            self.pixel_projector = PixelProjector(channels[-1], hidden_channels, embedding_dim)
            self.pixel_predictor = PixelPredictor(embedding_dim)
        self.shallow_stages = tuple(shallow_stages)
        self.loss_weights = tuple(loss_weights)

    def forward(
        self, inputs: Any, data_samples: list | None = None, mode: Literal["loss", "tensor"] = "tensor"
    ) -> dict | tuple[Tensor, ...]:
        """Losses of a multi-crop batch (``mode='loss'``) or feature maps of images (``mode='tensor'``).

        Args:
            inputs: ``dict(crops=[V x (B, 3, h, w)], grid=(B, 2, S, S, 2))`` of normalized crops, or images
                ``(B, 3, H, W)`` for ``mode='tensor'``.
            data_samples: Not used; pretraining knows no labels.
            mode: ``loss`` or ``tensor``.

        Raises:
            ValueError: If the mode is another one: there is nothing to predict yet.
        """
        if mode == "loss":
            return self.loss(inputs["crops"], inputs["grid"])
        if mode == "tensor":
            return self.backbone(inputs)
        raise ValueError(f"Pretraining has no mode {mode!r}: it learns a backbone, steps 2 to 4 predict with it.")

    def crop_embeddings(self, crops: Tensor) -> Tensor:
        """Unit vectors ``(B, D)`` of normalized crops ``(B, 3, h, w)`` of one size."""
        return self.embed([crops])[0]

    def embed(self, crops: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Embeddings of all crops and the feature maps of the two large ones.

        Crops of equal size that follow each other go through the backbone as one batch, all crops through the
        projector as one batch: batch statistics depend on it.

        Args:
            crops: V tensors ``(B, 3, h, w)``, the two large ones first.

        Returns:
            Embeddings ``(V * B, D)``, unit length, crop by crop; the large crops' maps, each ``(2 * B, C, h, w)``.
        """
        pooled = []
        large_maps: tuple[Tensor, ...] = ()
        for _, group in groupby(crops, key=lambda crop: crop.shape[-2:]):
            maps = self.backbone(torch.cat(list(group)))
            pooled.append(maps[-1].mean(dim=(2, 3)))
            if not large_maps:
                large_maps = tuple(feature_map[: 2 * len(crops[0])] for feature_map in maps)
        embeddings = F.normalize(self.projector(torch.cat(pooled)).float(), dim=1)
        return embeddings, large_maps

    def shallow_scores(self, stage: int, large_maps: Sequence[Tensor]) -> Tensor:
        """Scores of one stage's embeddings; no gradient reaches the prototypes.

        Args:
            stage: Number of the stage, 4 for the deepest.
            large_maps: Feature maps of the two large crops, each ``(2 * B, C, h, w)``, the deepest last.

        Returns:
            Cosine similarities ``(2 * B, K)`` to the prototypes, crop by crop.
        """
        projected = self.shallow_projectors[f"stage{stage}"](large_maps[stage - _DEEPEST_STAGE - 1])
        return self.prototypes.forward_detached(F.normalize(projected.float(), dim=1))

    def pixel_embeddings(self, deep_map: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Pixel embeddings and predictions on the overlap of the two large crops.

        Args:
            deep_map: Stage-4 maps of crop 0 of all images, then of crop 1, ``(2 * B, C, h, w)``.
            grid: Sampling positions in either crop, x first, in [-1, 1], ``(B, 2, S, S, 2)``.

        Returns:
            Embeddings and predictions, each ``(2 * B, D, S, S)``.
        """
        positions = grid.transpose(0, 1).flatten(0, 1)
        projected = self.pixel_projector(deep_map)
        sampled = F.grid_sample(
            projected, positions.to(projected), mode="bilinear", padding_mode="zeros", align_corners=False
        )
        return sampled, self.pixel_predictor(sampled)

    def pixel_loss(self, deep_map: Tensor, grid: Tensor) -> Tensor:
        """Pixel-to-pixel loss on the overlap of the two large crops, a scalar; arguments as ``pixel_embeddings``."""
        embeddings, predictions = self.pixel_embeddings(deep_map, grid)
        return pixel_to_pixel_loss(predictions.chunk(2), embeddings.chunk(2))

    def loss(self, crops: Sequence[Tensor], grid: Tensor) -> dict[str, Tensor]:
        """All losses of one batch; pushes its embeddings to the queue.

        Args:
            crops: V normalized crops ``(B, 3, h, w)``.
            grid: Overlap grids ``(B, 2, S, S, 2)``.

        Returns:
            ``loss`` (the only entry that is optimized) and, to watch, ``i2i``, ``d2s_stageS``, ``p2p`` (if aligned),
            ``assignment_entropy`` (nats, ln K when uniform) and ``prototypes_in_use``.

        Raises:
            ValueError: If the two large crops differ in size.
        """
        if crops[0].shape != crops[1].shape:
            raise ValueError(
                f"The first two crops of an image have one size, not {tuple(crops[0].shape[-2:])} and "
                f"{tuple(crops[1].shape[-2:])}: give the first of MultiCrop's groups number=2 or more."
            )
        embeddings, large_maps = self.embed(crops)
        image, assigned = self.swapped_prediction(embeddings, len(crops))
        shallow = {
            f"d2s_stage{stage}": deep_to_shallow_loss(
                assigned.assignments,
                self.shallow_scores(stage, large_maps).chunk(2),
                self.swapped_prediction.temperature,
            )
            for stage in self.shallow_stages
        }
        pixel = self.pixel_loss(large_maps[-1], grid) if self.pixel_alignment else None
        return dict(
            loss=total_loss([image, *shallow.values()], self.loss_weights, pixel),
            i2i=image.detach(),
            **{name: term.detach() for name, term in shallow.items()},
            **({} if pixel is None else dict(p2p=pixel.detach())),
            **assigned.statistics(),
        )
