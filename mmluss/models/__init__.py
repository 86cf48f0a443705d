# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Models of the four steps of PASS and the pure functions they are made of."""

from .data_preprocessor import MultiCropDataPreProcessor
from .embedding_queue import EmbeddingQueue
from .knn_segmentor import KNNSegmentor
from .linear_head import LinearHead
from .luss_segmentor import LUSSSegmentor
from .partly_frozen_timm import PartlyFrozenTIMMBackbone
from .pass_pretrainer import PASSPretrainer
from .pixel_attention import PixelAttentionHead
from .pixel_attention_segmentor import PixelAttentionSegmentor
from .prototypes import Prototypes
from .rf_convnext import RFConvNeXt

__all__ = [
    "EmbeddingQueue",
    "KNNSegmentor",
    "LUSSSegmentor",
    "LinearHead",
    "MultiCropDataPreProcessor",
    "PASSPretrainer",
    "PartlyFrozenTIMMBackbone",
    "PixelAttentionHead",
    "PixelAttentionSegmentor",
    "Prototypes",
    "RFConvNeXt",
]
