# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Pixel attention: which pixels of an image matter (PASS, section 3.5)."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmluss.models.pixel_attention.dynamic_buffers import adopt_stored_shapes
from mmluss.models.pixel_attention.foreground_score import foreground_weights, stretch_scores
from mmluss.models.pixel_attention.nearest_centroid import nearest_centroids
from mmluss.models.weight_init import KAIMING_CONV


@MODELS.register_module()
class PixelAttentionHead(BaseModule):
    """Attention per channel and pixel; with centroids also the cluster of each pixel.

    Args:
        in_channels: Channels C of the feature map.
        upsampling: Factor by which the feature map is enlarged first.
        foreground: Foreground scores are the mean attention as it is ("absolute", the published method), or stretched
            to 0..1 within each image ("relative").
        image_evidence: Weight of the image embedding's cosine that is added to each pixel's; 0 is the published method.
        pooling: What features are weighted by where an image is clustered and named as a whole: their "attention" (the
            published method), or the "foreground", relative scores to the fourth power.
        init_cfg: Initialization config of mmengine.

    Attributes:
        centroids: ``(K, C)`` float32, empty before clustering.
        threshold: Threshold of the foreground score, scalar in [0, 1], NaN before clustering.

    Raises:
        ValueError: If ``foreground`` or ``pooling`` is unknown, or ``image_evidence`` no number of 0 or more.
    """

    def __init__(
        self,
        in_channels: int,
        upsampling: int = 4,
        foreground: Literal["absolute", "relative"] = "absolute",
        image_evidence: float = 0.0,
        pooling: Literal["attention", "foreground"] = "attention",
        init_cfg: dict | None = KAIMING_CONV,
    ) -> None:
        super().__init__(init_cfg)
        if foreground not in ("absolute", "relative"):
            raise ValueError(f"foreground is 'absolute' or 'relative', not {foreground!r}")
        if pooling not in ("attention", "foreground"):
            raise ValueError(f"pooling is by 'attention' or 'foreground', not {pooling!r}")
        if not isinstance(image_evidence, int | float) or image_evidence < 0:
            raise ValueError(f"image_evidence is a number, 0 or more, not {image_evidence!r}")
        self.pooling = pooling
        self.foreground = foreground
        self.image_evidence = image_evidence
        self.upsampling = upsampling
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 1),
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, in_channels, 1),
            nn.BatchNorm2d(in_channels),
        )
        self.offset = nn.Parameter(torch.zeros(1, in_channels, 1, 1))
        self.centroids: Tensor
        self.register_buffer("centroids", torch.zeros(0, in_channels))
        self.register_buffer("threshold", torch.tensor(float("nan")))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any) -> None:
        adopt_stored_shapes(self, ["centroids"], state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    @property
    def num_clusters(self) -> int:
        """Number K of clusters, one a centroid; 0 before clustering."""
        return len(self.centroids)

    def set_centroids(self, centroids: Tensor, threshold: float) -> None:
        """Make this head a segmentation head.

        Args:
            centroids: ``(K, C)``, need not be normalized.
            threshold: Pixels whose foreground score is below become 0 ("other").

        Raises:
            ValueError: If the centroids have another width than the feature map or are not finite.
        """
        if centroids.ndim != 2 or centroids.shape[1] != self.centroids.shape[1]:
            raise ValueError(
                f"Centroids must be (K, {self.centroids.shape[1]}) for this feature map, got {tuple(centroids.shape)}."
            )
        if not torch.isfinite(centroids).all():
            raise ValueError("Centroids are not finite: the embeddings they were computed from hold NaN or infinity.")
        self.centroids = centroids.detach().to(self.offset)
        self.threshold.fill_(threshold)

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """Enlarged feature map and its attention.

        Args:
            feature_map: Deepest map of the backbone, ``(B, C, h, w)``.

        Returns:
            Features, not normalized, and attention in [0, 1], each ``(B, C, upsampling * h, upsampling * w)``.
        """
        features = self._enlarged(feature_map)
        attention = torch.sigmoid(self.layers(F.normalize(features, dim=1)) + self.offset)
        return features, attention

    def _enlarged(self, feature_map: Tensor) -> Tensor:
        return F.interpolate(feature_map, scale_factor=self.upsampling, mode="bilinear", align_corners=False)

    def attended_embeddings(self, feature_map: Tensor) -> Tensor:
        """Average over positions of normalized features times attention, ``(B, C)``: the vector trained in step 2.1."""
        features, attention = self(feature_map)
        return (F.normalize(features, dim=1) * attention).mean(dim=(2, 3))

    def cluster_embeddings(self, feature_map: Tensor, saliency: Tensor | None = None) -> Tensor:
        """Average over positions of features times their weights, the vector clustered in step 2.2.

        Args:
            feature_map: ``(B, C, h, w)``.
            saliency: Maps ``(B, 1, H, W)`` in [0, 1] that take the place of the weights, or None.

        Returns:
            ``(B, C)`` float32, not normalized.
        """
        if saliency is None:
            # One by one: the enlarged maps of a batch do not fit into a processor's caches, and take twice the time.
            return torch.cat([self.pooled(*self(one)) for one in feature_map.split(1)])
        return torch.cat([self._salient(*pair) for pair in zip(feature_map.split(1), saliency.split(1), strict=True)])

    def _salient(self, feature_map: Tensor, saliency: Tensor) -> Tensor:
        features = self._enlarged(feature_map)
        weights = F.interpolate(saliency.to(features), size=features.shape[-2:], mode="bilinear", align_corners=False)
        return (features.float() * weights.float()).mean(dim=(2, 3))

    def pooled(self, features: Tensor, attention: Tensor) -> Tensor:
        """Average over positions, weighted as ``pooling`` says.

        Args:
            features: ``(B, C, h, w)`` of ``forward``.
            attention: Of ``forward``, of the same shape, in [0, 1].

        Returns:
            ``(B, C)`` float32, not normalized.
        """
        weights = attention.float()
        if self.pooling == "foreground":
            weights = foreground_weights(weights.mean(dim=1, keepdim=True))
        return (features.float() * weights).mean(dim=(2, 3))

    def pixel_scores(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """Nearest centroid and foreground score of each position of the enlarged map (step 2.4).

        Args:
            feature_map: ``(B, C, h, w)``.

        Returns:
            Clusters in 1..K, int64, and scores in [0, 1], float32, each ``(B, upsampling * h, upsampling * w)``.

        Raises:
            RuntimeError: If the head holds no centroids.
        """
        if self.num_clusters == 0:
            raise RuntimeError(
                "The pixel attention head holds no centroids, so it cannot name pixels: test the checkpoint that "
                "PseudoLabelHook wrote (pixel_labels.pth), not the one of training."
            )
        clusters, scores = zip(*[self._pixel_scores(one) for one in feature_map.split(1)], strict=True)
        return torch.cat(clusters), torch.cat(scores)

    def _pixel_scores(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        features, attention = self(feature_map)
        evidence = self.evidence(features, attention)
        clusters = nearest_centroids(features, self.centroids, image_evidence=evidence)
        return clusters, self.foreground_scores(attention)

    def evidence(self, features: Tensor, attention: Tensor) -> Tensor | None:
        """What whole images add to the cosines of their pixels, ``(B, K)`` float32; None where that is nothing.

        Args:
            features: ``(B, C, h, w)`` of ``forward``.
            attention: Of ``forward``, of the same shape.
        """
        if not self.image_evidence:
            return None
        embedding = F.normalize(self.pooled(features, attention), dim=1)
        return self.image_evidence * embedding @ F.normalize(self.centroids.float(), dim=1).T

    def foreground_scores(self, attention: Tensor) -> Tensor:
        """Foreground scores ``(B, h, w)`` float32 in [0, 1] of attention ``(B, C, h, w)``."""
        score = attention.float().mean(dim=1)
        return stretch_scores(score) if self.foreground == "relative" else score
