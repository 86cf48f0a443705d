# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Class activation maps of an image classifier as pixel labels: what image-level labels alone can give step 3."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.models.data_samples import samples_of_input_size


def class_activation_maps(features: Tensor, class_weights: Tensor) -> Tensor:
    """Where an image shows a class, from 0 to 1 at its most typical place (Zhou et al., arXiv 1512.04150).

    Args:
        features: Last feature maps ``(B, C, h, w)``, whose mean over positions the linear classifier reads.
        class_weights: The classifier's weights of one class for each image, ``(B, C)``.

    Returns:
        ``(B, h, w)`` float32; all 0 where the class has no positive evidence.

    Example:
        >>> import torch
        >>> class_activation_maps(torch.tensor([[[[-1.0, 2.0, 4.0]]]]), torch.tensor([[0.5]]))
        tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    evidence = torch.einsum("bchw,bc->bhw", features.float(), class_weights.float()).clamp(min=0)
    return evidence / evidence.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)


@MODELS.register_module()
class ClassActivationSegmentor(BaseSegmentor):
    """Labels the pixels of an image with its class, where the class activation map reaches a threshold.

    Its weights are those of mmpretrain's ``ImageClassifier`` with global average pooling and a ``LinearClsHead``; a
    checkpoint of one loads as it is.

    Args:
        backbone: As for the classifier; its last feature map is used.
        head: Config of ``mmpretrain.LinearClsHead``; class i is category i + 1.
        image_labels: Whether an image's class is that of its folder, as for training images. False: the class with
            the largest score, for images that nobody has labeled.
        threshold: Pixels of a smaller activation become 0; in 0..1.
        data_preprocessor: Config, usually of ``LUSSDataPreProcessor``.
        train_cfg: Accepted because mmseg's tools expect the key; nothing is read from it.
        test_cfg: Likewise.
        init_cfg: Initialization config of mmengine.

    Raises:
        ValueError: If the threshold is out of range.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        image_labels: bool = False,
        threshold: float = 0.3,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold is in 0..1, not {threshold}.")
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)
        self.image_labels = image_labels
        self.threshold = threshold

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Deepest feature map ``(B, C, h, w)`` of normalized images ``(B, 3, H, W)``."""
        return self.backbone(inputs)[-1]

    def predict(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> list[SegDataSample]:
        """Pixel labels at each image's original size.

        Args:
            inputs: Normalized images ``(B, 3, H, W)``.
            data_samples: Their ``ori_shape`` is the size of the result, their ``category`` the label of the folder;
                without them it is that of the input.

        Returns:
            Data samples with ``pred_sem_seg`` (0..N), ``pred_cluster`` (the image's class everywhere) and
            ``foreground_score`` (the activation, 0..1), each ``(1, H, W)``.

        Raises:
            ValueError: Naming the image, if ``image_labels`` is set and it comes without its label.
        """
        if data_samples is None:
            data_samples = samples_of_input_size(inputs)
        features = self.extract_feat(inputs)
        classes = self._classes(features, data_samples)
        activations = class_activation_maps(features, self.head.fc.weight[classes])
        for sample, index, activation in zip(data_samples, classes, activations, strict=True):
            size = tuple(sample.metainfo["ori_shape"][:2])
            score = F.interpolate(activation[None, None], size, mode="bilinear", align_corners=False)[0]
            category = torch.full_like(score, 1, dtype=torch.int64) * (index + 1)
            label = torch.where(score >= self.threshold, category, 0)
            sample.set_data(
                dict(
                    pred_sem_seg=PixelData(data=label),
                    pred_cluster=PixelData(data=category),
                    foreground_score=PixelData(data=score),
                )
            )
        return list(data_samples)

    def _classes(self, features: Tensor, data_samples: Sequence[SegDataSample]) -> Tensor:
        if not self.image_labels:
            return self.head.fc(features.mean(dim=(2, 3))).argmax(dim=1)
        categories = [sample.metainfo.get("category", 0) for sample in data_samples]
        if not all(categories):
            sample = data_samples[categories.index(0)]
            raise ValueError(
                f"{sample.metainfo.get('img_path', 'an image')}: comes without the category of its folder; set "
                "model.image_labels=False, or have the pipeline pack 'category'."
            )
        return torch.tensor(categories, device=features.device) - 1

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """Not there.

        Raises:
            NotImplementedError: Always; mmpretrain's ``ImageClassifier`` is what trains.
        """
        raise NotImplementedError("Train the classifier (mmpretrain.ImageClassifier), then test this model with it.")

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return self.head.fc(self.extract_feat(inputs).mean(dim=(2, 3)))

    def encode_decode(self, inputs: Tensor, batch_data_samples: list) -> Tensor:
        """Activations of all classes ``(B, N, h, w)``, before they are cut and brought to 0..1."""
        return torch.einsum("bchw,nc->bnhw", self.extract_feat(inputs), self.head.fc.weight)
