# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Projection heads from feature maps to embeddings (PASS, sections 3.2 to 3.4)."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmluss.models.weight_init import KAIMING_CONV


class ImageProjector(BaseModule):
    """Pooled features to embeddings: Linear, BN, ReLU, Linear, BN without affine.

    Args:
        in_channels: Channels C of the pooled feature.
        hidden_channels: Width of the hidden layer.
        embedding_dim: Length D of an embedding.
        init_cfg: Initialization config of mmengine.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, embedding_dim: int, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.layers = nn.Sequential(
            nn.Linear(in_channels, hidden_channels),
            nn.BatchNorm1d(hidden_channels),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, embedding_dim),
            nn.BatchNorm1d(embedding_dim, affine=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings ``(B, D)``, not yet normalized, of pooled features ``(B, C)``."""
        return self.layers(features)


def build_projector(
    in_channels: int, hidden_channels: int, embedding_dim: int, projected: bool = True, init_cfg: dict | None = None
) -> tuple[nn.Module, int]:
    """What makes embeddings of pooled features, and their length D.

    Args:
        in_channels: Channels C of the pooled feature.
        hidden_channels: As for ``ImageProjector``.
        embedding_dim: Likewise.
        projected: Whether a projector makes them. False takes the features as they are.
        init_cfg: As for ``ImageProjector``.
    """
    if projected:
        return ImageProjector(in_channels, hidden_channels, embedding_dim, init_cfg), embedding_dim
    return nn.Identity(), in_channels


class PixelProjector(BaseModule):
    """Feature map to pixel embeddings: three 1x1 convolutions with BN, ReLU between, no affine at the end.

    Args:
        in_channels: Channels C of the feature map.
        hidden_channels: Width of the two hidden layers.
        out_channels: Channels D of a pixel embedding.
        init_cfg: Initialization config of mmengine.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, out_channels: int, init_cfg: dict | None = KAIMING_CONV
    ) -> None:
        super().__init__(init_cfg)
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden_channels, 1, bias=False),
            nn.BatchNorm2d(hidden_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden_channels, hidden_channels, 1, bias=False),
            nn.BatchNorm2d(hidden_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels, affine=False),
        )

    def forward(self, feature_map: Tensor) -> Tensor:
        """Pixel embeddings ``(B, D, h, w)`` of a feature map ``(B, C, h, w)``."""
        return self.layers(feature_map)


class PixelPredictor(BaseModule):
    """Predicts one crop's pixel embedding from the other's: 1x1 convolution, BN, ReLU, 1x1 convolution with bias.

    Args:
        channels: Channels D of a pixel embedding.
        init_cfg: Initialization config of mmengine.
    """

    def __init__(self, channels: int, init_cfg: dict | None = KAIMING_CONV) -> None:
        super().__init__(init_cfg)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, embeddings: Tensor) -> Tensor:
        """Predictions ``(B, D, S, S)`` of pixel embeddings ``(B, D, S, S)``."""
        return self.layers(embeddings)


class ShallowProjector(BaseModule):
    """The deep-to-shallow branch of one stage: pixel projection, average pooling, image projection.

    Args:
        in_channels: Channels C of the stage's feature map.
        hidden_channels: Width of the hidden layers.
        embedding_dim: Length D of an embedding.
        init_cfg: Initialization config of mmengine.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, embedding_dim: int, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.pixel = PixelProjector(in_channels, hidden_channels, in_channels)
        self.image = ImageProjector(in_channels, hidden_channels, embedding_dim)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Embeddings ``(B, D)``, not yet normalized, of a feature map ``(B, C, h, w)``."""
        return self.image(self.pixel(feature_map).mean(dim=(2, 3)))
