# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Models of the four steps of PASS and the pure functions they are made of."""

from mmluss.models.backbones.partly_frozen_timm import PartlyFrozenTIMMBackbone
from mmluss.models.backbones.rf_convnext import RFConvNeXt
from mmluss.models.backbones.scaled_position_vit import ScaledPositionViT
from mmluss.models.batch_augments.batch_color_distortion import BatchColorDistortion
from mmluss.models.class_activation import ClassActivationSegmentor
from mmluss.models.data_preprocessor import LUSSDataPreProcessor, MultiCropDataPreProcessor
from mmluss.models.distance_matching.knn_segmentor import KNNSegmentor
from mmluss.models.fine_tuning.averaged_passes import LUSSTTAModel
from mmluss.models.fine_tuning.linear_head import LinearHead
from mmluss.models.fine_tuning.luss_segmentor import LUSSSegmentor
from mmluss.models.fine_tuning.pixel_cross_entropy import PixelCrossEntropy
from mmluss.models.fine_tuning.pixel_shuffle_head import PixelShuffleHead
from mmluss.models.grabcut import GrabCut
from mmluss.models.pixel_attention.pixel_attention_head import PixelAttentionHead
from mmluss.models.pixel_attention.pixel_attention_segmentor import PixelAttentionSegmentor
from mmluss.models.pretraining.embedding_queue import EmbeddingQueue
from mmluss.models.pretraining.pass_pretrainer import PASSPretrainer
from mmluss.models.pretraining.prototypes import Prototypes
from mmluss.models.weight_init import NormalConv

__all__ = [
    "BatchColorDistortion",
    "ClassActivationSegmentor",
    "EmbeddingQueue",
    "GrabCut",
    "KNNSegmentor",
    "LUSSDataPreProcessor",
    "LUSSSegmentor",
    "LUSSTTAModel",
    "LinearHead",
    "MultiCropDataPreProcessor",
    "NormalConv",
    "PASSPretrainer",
    "PartlyFrozenTIMMBackbone",
    "PixelAttentionHead",
    "PixelAttentionSegmentor",
    "PixelCrossEntropy",
    "PixelShuffleHead",
    "Prototypes",
    "RFConvNeXt",
    "ScaledPositionViT",
]
