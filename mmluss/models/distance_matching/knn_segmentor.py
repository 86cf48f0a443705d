# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Distance matching: labels pixels with the nearest support vectors, no training (distance-matching protocol)."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.models.backbones.feature_channels import feature_channels
from mmluss.models.data_samples import samples_of_input_size
from mmluss.models.distance_matching.distance_matching import knn_labels, support_embeddings


@MODELS.register_module()
class KNNSegmentor(BaseSegmentor):
    """A backbone, and support vectors that ``SupportHook`` makes from images with masks before testing.

    Of a checkpoint only the backbone's weights are read: those named ``backbone.*`` (a PASS pretraining, any model of
    mmseg or mmpretrain), or all of them if none is (the weights of a bare backbone). A checkpoint that does not fit
    the backbone is an error, since scores of partly random weights look like scores.

    Args:
        backbone: Config of any backbone that returns a tuple of maps; the last one is used. Its ``init_cfg`` is
            applied at once, since testing initializes nothing.
        k: Neighbors that vote.
        temperature: Temperature T of a vote exp(cos / T), > 0.
        upsampling: Factor by which feature maps are enlarged.
        data_preprocessor: Config, usually of ``LUSSDataPreProcessor``.
        train_cfg: Accepted because mmseg's tools expect the key; nothing is read from it.
        test_cfg: Likewise.
        init_cfg: Initialization config of mmengine.

    Raises:
        ValueError: If ``k`` or ``temperature`` is out of range.

    Attributes:
        supports: Unit vectors ``(M, C)`` float32.
        support_labels: ``(M,)`` int64.
        support_settings: Everything beside weights and data that the supports depend on.

    Example:
        >>> model = KNNSegmentor(dict(type="ResNet", depth=18, stem_channels=8, base_channels=8)).eval()
        >>> model(torch.rand(1, 3, 64, 64)).shape
        torch.Size([1, 64, 2, 2])
    """

    def __init__(
        self,
        backbone: dict,
        k: int = 10,
        temperature: float = 0.07,
        upsampling: int = 4,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if temperature <= 0 or k < 1:
            raise ValueError(f"temperature is above 0 and k at least 1, not {temperature} and {k}")
        self.support_settings = dict(backbone=backbone, data_preprocessor=data_preprocessor, upsampling=upsampling)
        self.backbone = MODELS.build(backbone)
        if backbone.get("init_cfg") is not None:
            self.backbone.init_weights()
        self.k = k
        self.temperature = temperature
        self.upsampling = upsampling
        # Not stored: a checkpoint is the backbone's, and supports belong to a data set.
        self.supports: Tensor
        self.support_labels: Tensor
        self.register_buffer("supports", torch.zeros(0, feature_channels(self.backbone)[-1]), persistent=False)
        self.register_buffer("support_labels", torch.zeros(0, dtype=torch.int64), persistent=False)

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Deepest feature map ``(B, C, h, w)`` of normalized images ``(B, 3, H, W)``."""
        return self.backbone(inputs)[-1]

    @torch.no_grad()
    def image_supports(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> tuple[Tensor, Tensor]:
        """Support vectors of images with masks.

        Args:
            inputs: Normalized images ``(B, 3, H, W)``.
            data_samples: Their ``gt_sem_seg`` ``(1, H, W)`` holds ids at any size.

        Returns:
            ``(n, C)`` float32, not normalized, and labels ``(n,)`` int64: images in order, labels of each ascending.
        """
        embeddings, labels = zip(
            *(
                support_embeddings(features, sample.gt_sem_seg.data[0], self.upsampling)
                for features, sample in zip(self.extract_feat(inputs), data_samples, strict=True)
            ),
            strict=True,
        )
        return torch.cat(embeddings), torch.cat(labels)

    def set_supports(self, embeddings: Tensor, labels: Tensor) -> None:
        """Replace the supports.

        Args:
            embeddings: ``(M, C)``, any floating dtype, any length: they are normalized here.
            labels: ``(M,)`` integers.

        Raises:
            ValueError: If the shapes do not fit each other or the backbone, or there are none.
        """
        channels = self.supports.shape[1]
        if not len(labels) or embeddings.shape != (len(labels), channels):
            raise ValueError(
                f"Supports are (M, {channels}) vectors with M >= 1 labels for this backbone; got "
                f"{tuple(embeddings.shape)} and {len(labels)} labels."
            )
        self.supports = F.normalize(embeddings.to(self.supports), dim=1)
        self.support_labels = labels.to(self.support_labels)

    def encode_decode(self, inputs: Tensor, batch_data_samples: list | None = None) -> Tensor:
        """Labels ``(B, upsampling * h, upsampling * w)`` int64 of normalized images ``(B, 3, H, W)``.

        Raises:
            RuntimeError: If there are no supports yet.
        """
        if not len(self.supports):
            raise RuntimeError(
                "KNNSegmentor has no supports to compare with: add dict(type='SupportHook', dataset=...) to "
                "default_hooks and test with a runner (tools/test.py), or call set_supports()."
            )
        return torch.stack(
            [
                knn_labels(features, self.supports, self.support_labels, self.k, self.temperature, self.upsampling)
                for features in self.extract_feat(inputs)
            ]
        )

    def predict(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> list[SegDataSample]:
        """Label maps at each image's original size.

        Args:
            inputs: Normalized images ``(B, 3, H, W)``.
            data_samples: Their ``ori_shape`` is the size of the result; without them it is that of the input.

        Returns:
            Data samples with ``pred_sem_seg`` ``(1, H, W)`` int64 in 0..N.
        """
        if data_samples is None:
            data_samples = samples_of_input_size(inputs)
        for sample, labels in zip(data_samples, self.encode_decode(inputs), strict=True):
            size = tuple(sample.metainfo["ori_shape"][:2])
            labels = F.interpolate(labels[None, None].float(), size=size, mode="nearest")[0].long()
            sample.set_data(dict(pred_sem_seg=PixelData(data=labels)))
        return list(data_samples)

    def loss(self, inputs: Tensor, data_samples: list | None = None) -> dict[str, Tensor]:
        """Distance matching trains nothing.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("KNNSegmentor is not trained: use tools/test.py with a checkpoint of its backbone.")

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return self.extract_feat(inputs)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Keep the backbone's weights only, under the backbone's prefix.

        Raises:
            ValueError: If none of them is the backbone's, or one has another shape.
        """
        backbone_prefix = f"{prefix}backbone."
        if not any(name.startswith(backbone_prefix) for name in state_dict):
            for name in list(state_dict):
                state_dict[backbone_prefix + name.removeprefix(prefix)] = state_dict.pop(name)
        for name in [name for name in state_dict if not name.startswith(backbone_prefix)]:
            del state_dict[name]
        self._check_backbone_weights({name.removeprefix(backbone_prefix): state_dict[name] for name in state_dict})
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _check_backbone_weights(self, weights: dict[str, Tensor]) -> None:
        # mmengine only warns. Loading is the check of shapes: a backbone may adapt weights to another image size.
        what = f"the weights of this {type(self.backbone).__name__}: test with the config they were trained with"
        expected = self.backbone.state_dict()
        if expected.keys().isdisjoint(weights):
            raise ValueError(
                f"The checkpoint does not hold {what}. It has names like {', '.join(list(weights)[:3])}; expected are "
                f"names like {', '.join(list(expected)[:3])}, with or without 'backbone.' in front."
            )
        try:
            self.backbone.load_state_dict(weights, strict=False)
        except RuntimeError as error:
            raise ValueError(f"The checkpoint does not fit {what}. {error}") from error
