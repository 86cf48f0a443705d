# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps 2.1 and 2.4: trains pixel attention on a frozen backbone, then names pixels by their nearest centroid."""

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.models.backbones.feature_channels import feature_channels
from mmluss.models.data_samples import samples_of_input_size
from mmluss.models.grabcut import GrabCut, denormalized_photo
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels
from mmluss.models.pretraining.projectors import build_projector
from mmluss.models.pretraining.swapped_prediction import SwappedPrediction

PretrainedPart = Literal["backbone", "projector", "prototypes"]
PRETRAINED_PARTS: tuple[PretrainedPart, ...] = get_args(PretrainedPart)
"""What a checkpoint of ``PASSPretrainer`` has for step 2.1."""


@MODELS.register_module()
class PixelAttentionSegmentor(BaseSegmentor):
    """Frozen backbone and projector with a trainable ``PixelAttentionHead`` and prototypes.

    Args:
        backbone: As for ``PASSPretrainer``; its last feature map is used.
        hidden_channels: Width of the projector's hidden layer.
        embedding_dim: Length D of an embedding.
        num_prototypes: Number K of prototypes.
        decode_head: Config of ``PixelAttentionHead`` without its channels.
        queue: As for ``PASSPretrainer``.
        pretrained: Checkpoint of step 1 for backbone, projector and prototypes. With None, the ``init_cfg`` of the
            backbone decides, and projector and prototypes start at random.
        pretrained_parts: What the checkpoint is read for; the rest starts at random. ``["backbone"]`` for the
            checkpoint of another learner, which has neither our projector nor prototypes.
        image_projector: As for ``PASSPretrainer``.
        train_projector: Train the projector too; needed when no step 1 came before.
        temperature: Softmax temperature, > 0.
        epsilon: Entropy regularization of the assignment, > 0.
        sinkhorn_iterations: Rounds of balancing.
        data_preprocessor: Config, usually of ``LUSSDataPreProcessor``.
        train_cfg: Accepted because mmseg's tools expect the key; nothing is read from it.
        test_cfg: ``refine``: config of what refines the foreground against the photo, such as ``dict(type="GrabCut")``;
            by default nothing.
        init_cfg: Initialization config of mmengine.

    Raises:
        ValueError: If there is no such part to read.

    Example:
        >>> backbone = dict(type="ResNet", depth=18, stem_channels=8, base_channels=8)
        >>> model = PixelAttentionSegmentor(backbone, hidden_channels=16, embedding_dim=8, num_prototypes=10).eval()
        >>> model.image_embeddings(torch.rand(2, 3, 64, 64)).shape
        torch.Size([2, 64])
    """

    def __init__(
        self,
        backbone: dict,
        hidden_channels: int,
        embedding_dim: int,
        num_prototypes: int,
        decode_head: dict | None = None,
        queue: dict | None = None,
        pretrained: str | None = None,
        pretrained_parts: Sequence[PretrainedPart] = PRETRAINED_PARTS,
        image_projector: bool = True,
        train_projector: bool = False,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        sinkhorn_iterations: int = 3,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        unknown = sorted({*pretrained_parts} - {*PRETRAINED_PARTS})
        if unknown:
            raise ValueError(
                f"pretrained_parts names {', '.join(unknown)}; parts of step 1 are {', '.join(PRETRAINED_PARTS)}."
            )
        parts = () if pretrained is None else pretrained_parts
        init = {part: dict(type="Pretrained", checkpoint=pretrained, prefix=f"{part}.") for part in parts}
        if "backbone" in init:
            backbone = dict(backbone, init_cfg=init["backbone"])
        self.backbone = MODELS.build(backbone)
        channels = feature_channels(self.backbone)[-1]
        self.projector, image_dim = build_projector(
            channels, hidden_channels, embedding_dim, image_projector, init.get("projector")
        )
        self.swapped_prediction = SwappedPrediction.build(
            image_dim,
            num_prototypes,
            queue,
            init.get("prototypes"),
            temperature=temperature,
            epsilon=epsilon,
            iterations=sinkhorn_iterations,
        )
        self.prototypes = self.swapped_prediction.prototypes
        self.queue = self.swapped_prediction.queue
        self.decode_head = MODELS.build(dict(type="PixelAttentionHead", in_channels=channels) | (decode_head or {}))
        self.train_projector = train_projector
        refine = (test_cfg or {}).get("refine")
        self.refine: GrabCut | None = None if refine is None else TASK_UTILS.build(refine)
        self.backbone.requires_grad_(False)
        self.projector.requires_grad_(train_projector)

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Deepest feature map ``(B, C, h, w)`` of images ``(B, 3, H, W)``, without gradient.

        While training, batch statistics are used and running statistics move although nothing here is trained: the
        published method does so.
        """
        with torch.no_grad():
            return self.backbone(inputs)[-1]

    def crop_embeddings(self, crops: Tensor) -> Tensor:
        """Unit vectors ``(B, D)`` of normalized crops ``(B, 3, h, w)``, as the loss compares them to prototypes."""
        attended = self.decode_head.attended_embeddings(self.extract_feat(crops))
        return F.normalize(self.projector(attended).float(), dim=1)

    def loss(self, inputs: dict, data_samples: list | None = None) -> dict[str, Tensor]:
        """Image-to-image loss of the attended embeddings of two crops; pushes them to the queue.

        Args:
            inputs: ``dict(crops=[V x (B, 3, h, w)])``, normalized, crops of one size.
            data_samples: Not used.

        Returns:
            ``loss`` and, to watch, ``i2i``, ``assignment_entropy``, ``prototypes_in_use``.
        """
        crops = inputs["crops"]
        image, assigned = self.swapped_prediction(self.crop_embeddings(torch.cat(crops)), len(crops))
        return dict(loss=image, i2i=image.detach(), **assigned.statistics())

    def image_embeddings(self, inputs: Tensor, saliency: Tensor | None = None) -> Tensor:
        """Unit vectors that step 2.2 clusters, ``(B, C)`` float32.

        Args:
            inputs: Normalized images ``(B, 3, H, W)``.
            saliency: Maps ``(B, 1, H, W)`` in [0, 1] in place of the attention, or None.
        """
        return F.normalize(self.decode_head.cluster_embeddings(self.extract_feat(inputs), saliency), dim=1)

    def pixel_scores(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Clusters in 1..K (int64) and foreground scores (float32), each ``(B, h, w)``, of normalized images."""
        return self.decode_head.pixel_scores(self.extract_feat(inputs))

    @property
    def label_settings(self) -> dict[str, Any]:
        """What decides about labels beside weights, centroids and threshold."""
        head = self.decode_head
        return dict(
            self.embedding_settings,
            foreground=head.foreground,
            image_evidence=head.image_evidence,
            # As built, not as configured: another version may have other defaults.
            refine=None if self.refine is None else dict(vars(self.refine), type=type(self.refine).__name__),
        )

    @property
    def embedding_settings(self) -> dict[str, Any]:
        """What decides about image embeddings beside weights."""
        return dict(pooling=self.decode_head.pooling)

    def predict(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> list[SegDataSample]:
        """Pixel labels at each image's original size.

        Args:
            inputs: Normalized images ``(B, 3, H, W)``.
            data_samples: Their ``ori_shape`` is the size of the result; without them it is that of the input.

        Returns:
            Data samples with ``pred_sem_seg`` (0..K), ``pred_cluster`` (cluster 1..K, before the threshold) and
            ``foreground_score``, each ``(1, H, W)``.
        """
        if data_samples is None:
            data_samples = samples_of_input_size(inputs)
        clusters, scores = self.pixel_scores(inputs)
        for image, sample, cluster, score in zip(inputs, data_samples, clusters, scores, strict=True):
            size = sample.metainfo["ori_shape"][:2]
            full_cluster, full_score = resize_pixel_labels(cluster, score, size, threshold=-math.inf)
            foreground = full_score >= self.decode_head.threshold
            if self.refine is not None:
                photo = denormalized_photo(image, self.data_preprocessor)
                threshold = float(self.decode_head.threshold)
                found = self.refine(
                    photo, score.detach().cpu().numpy(), threshold, (full_score.shape[0], full_score.shape[1])
                )
                foreground = torch.from_numpy(found).to(foreground.device)
            label = torch.where(foreground, full_cluster, 0)
            sample.set_data(
                dict(
                    pred_sem_seg=PixelData(data=label[None]),
                    pred_cluster=PixelData(data=full_cluster[None]),
                    foreground_score=PixelData(data=full_score[None]),
                )
            )
        return list(data_samples)

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> tuple[Tensor, Tensor]:
        return self.decode_head(self.extract_feat(inputs))

    def encode_decode(self, inputs: Tensor, batch_data_samples: list) -> Tensor:
        """Mean attention ``(B, 1, h, w)``, the only map of this model that is like logits."""
        return self._forward(inputs)[1].mean(dim=1, keepdim=True)
