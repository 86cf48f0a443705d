# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps 3 and 4: fine-tuning on pixel labels and inference (PASS, section 3.6)."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.models.backbones.feature_channels import feature_channels
from mmluss.models.data_samples import samples_of_input_size
from mmluss.models.fine_tuning.resized_argmax import label_map
from mmluss.models.grabcut import GrabCut, denormalized_photo

_TEST_SETTINGS = frozenset(
    {"head_logits", "image_evidence", "limited_side", "max_resolution", "mode", "one_cluster", "refine"}
)
LEAST_EVIDENCE = 1e-6
"""Of a class in an image, as evidence: no class is ruled out."""


@MODELS.register_module()
class LUSSSegmentor(EncoderDecoder):
    """The ``EncoderDecoder`` of mmseg with the benchmark's inference and as many classes as memory for one.

    Differences: the decode head's ``in_channels`` may be left out (the backbone is asked); logits go to the original
    size in one step; ``seg_logits`` are not kept, since 920 classes at full size do not fit in memory. ``test_cfg``
    takes:

    - ``max_resolution`` (default 1000; 0 for no limit) and ``limited_side`` (default ``height``), see ``label_map``;
    - ``refine``, config of what refines the foreground against the photo, such as ``dict(type="GrabCut")`` (default
      None);
    - ``image_evidence`` (default 0), weight of what the whole image shows in naming its pixels, see
      ``foreground_logits``;
    - ``one_cluster`` (default False), for sets with one thing a photo: all foreground of an image gets the class that
      is most probable in it, and foreground is what is half as probable as at the surest pixel, so that something is
      found where nothing is sure;
    - ``head_logits`` (default False): keep the logits at the head's own size, from which scores can be made.

    Raises:
        ValueError: If ``test_cfg`` has an unknown setting, a value out of range, or another ``mode`` than ``whole``.

    Example:
        >>> model = LUSSSegmentor(
        ...     backbone=dict(type="ResNet", depth=18, stem_channels=8, base_channels=8, norm_cfg=dict(type="BN")),
        ...     decode_head=dict(type="LinearHead", num_classes=51),
        ... ).eval()
        >>> model.predict(torch.rand(1, 3, 64, 96))[0].pred_sem_seg.shape
        (64, 96)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.test_cfg and "one_category" in self.test_cfg:
            warnings.warn("test_cfg: one_category is called one_cluster now.", FutureWarning, stacklevel=2)
            self.test_cfg["one_cluster"] = self.test_cfg.pop("one_category")
        # Read anew for each image, since test_cfg may change; here, so that unusable settings are errors at once.
        self._refinement()
        naming_settings(self.test_cfg or {})
        size_limits(self.test_cfg or {})
        unknown = sorted(set(self.test_cfg or {}) - _TEST_SETTINGS)
        if unknown:
            raise ValueError(f"test_cfg has no {', '.join(unknown)}; it takes {', '.join(sorted(_TEST_SETTINGS))}")

    def _refinement(self) -> GrabCut | None:
        settings = (self.test_cfg or {}).get("refine")
        return None if settings is None else TASK_UTILS.build(settings)

    def _init_decode_head(self, decode_head: dict) -> None:
        if decode_head.get("in_channels") is None:
            decode_head = dict(decode_head, in_channels=feature_channels(self.backbone)[-1])
        super()._init_decode_head(decode_head)

    def predict(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> list[SegDataSample]:
        """Label maps at each image's original size.

        Args:
            inputs: Normalized images ``(B, 3, H, W)``.
            data_samples: Their ``ori_shape`` is the size of the result; without them it is that of the input.

        Returns:
            Data samples with ``pred_sem_seg`` ``(1, H, W)`` int64 in 0..K and, where ``test_cfg`` asks for them,
            ``head_logits`` ``(K + 1, h, w)``.
        """
        if data_samples is None:
            data_samples = samples_of_input_size(inputs)
        for image, sample, logits in zip(inputs, data_samples, self._forward(inputs), strict=True):
            labels = self.image_labels(image, logits, sample.metainfo["ori_shape"][:2])
            sample.set_data(dict(pred_sem_seg=PixelData(data=labels[None])))
            if (self.test_cfg or {}).get("head_logits"):
                sample.set_data(dict(head_logits=PixelData(data=logits)))
        return list(data_samples)

    def image_labels(self, image: Tensor, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Label map of an image from its logits, as ``test_cfg`` has it.

        Args:
            image: Normalized image ``(3, H, W)``.
            logits: ``(K + 1, h, w)`` over the same area.
            size: Height and width of the result, pixels.

        Returns:
            Ids of that size, int64 in 0..K.
        """
        test_cfg = self.test_cfg or {}
        refine = self._refinement()
        limits = size_limits(test_cfg)
        naming = naming_settings(test_cfg)
        if refine is None and not any(naming.values()):
            return label_map(logits, size, *limits)
        class_logits, foreground = foreground_logits(logits, **naming)
        labels = label_map(class_logits, size, *limits) + 1
        if refine is None:
            kept = F.interpolate(foreground[None, None], size=labels.shape, mode="bilinear")[0, 0] >= 0.5
        else:
            photo = denormalized_photo(image, self.data_preprocessor)
            found = refine(photo, foreground.detach().cpu().numpy(), 0.5, (labels.shape[0], labels.shape[1]))
            kept = torch.from_numpy(found).to(labels.device)
        return torch.where(kept, labels, 0)


def size_limits(test_cfg: dict) -> tuple[int, Literal["height", "long"]]:
    """Largest side in pixels at which label maps are made, and which side that is, as a ``test_cfg`` has them.

    Raises:
        ValueError: If they are something else, or ``mode`` is not ``whole``.
    """
    most, side = test_cfg.get("max_resolution", 1000), test_cfg.get("limited_side", "height")
    if not isinstance(most, int | float):
        raise ValueError(f"test_cfg.max_resolution is a number of pixels, or 0 for no limit, not {most!r}")
    if side not in ("height", "long"):
        raise ValueError(f"test_cfg.limited_side is 'height' or 'long', not {side!r}")
    if test_cfg.get("mode", "whole") != "whole":
        raise ValueError(f"test_cfg.mode is 'whole', the benchmark's inference, not {test_cfg['mode']!r}")
    return int(most), side


def naming_settings(test_cfg: dict) -> dict[str, Any]:
    """What of ``test_cfg`` decides about the class of foreground: arguments of ``foreground_logits``.

    Raises:
        ValueError: If ``image_evidence`` is no number of 0 or more.
    """
    evidence = test_cfg.get("image_evidence") or 0.0
    if not isinstance(evidence, int | float) or evidence < 0:
        raise ValueError(f"test_cfg.image_evidence is a number, 0 or more, not {evidence!r}")
    return dict(one_cluster=bool(test_cfg.get("one_cluster")), image_evidence=float(evidence))


def foreground_logits(logits: Tensor, one_cluster: bool = False, image_evidence: float = 0.0) -> tuple[Tensor, Tensor]:
    """Logits of all classes but the background, and how much of a position is foreground.

    Args:
        logits: ``(K + 1, h, w)``, the background's first.
        one_cluster: Whether the image shows one thing: its most probable class takes all positions, and foreground is
            relative to that of the surest position.
        image_evidence: Weight of the logarithm of each class's share in the image, which is added to the logits of all
            positions. Several things in an image keep their shares; a class that only a few positions take for the most
            probable loses them. With ``one_cluster`` it plays no part.

    Returns:
        ``(K, h, w)`` float32 whose argmax is the predicted id less one, and ``(h, w)`` float32 in 0..1; it is
        foreground from 0.5 on.
    """
    probability = logits.float().softmax(dim=0)
    class_logits, foreground = logits[1:].float(), 1 - probability[0]
    if one_cluster:
        class_logits = probability[1:].mean(dim=(1, 2), keepdim=True).expand_as(class_logits)
        foreground = foreground / foreground.max().clamp(min=torch.finfo(foreground.dtype).tiny)
    elif image_evidence:
        mean = probability[1:].mean(dim=(1, 2), keepdim=True)
        share = mean / mean.sum().clamp(min=torch.finfo(mean.dtype).tiny)
        class_logits = class_logits + image_evidence * share.clamp(min=LEAST_EVIDENCE).log()
    return class_logits, foreground
