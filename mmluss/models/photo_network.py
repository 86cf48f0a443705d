# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From the pixels of a photo of any size to its labels in one graph, for files that run without this package."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.onnx.operators import shape_as_tensor

from mmluss.models.fine_tuning.luss_segmentor import LUSSSegmentor, foreground_logits, naming_settings, size_limits
from mmluss.models.fine_tuning.resized_argmax import argmax_in_blocks
from mmluss.models.pixel_attention.pixel_attention_segmentor import PixelAttentionSegmentor

CLASSES_AT_ONCE = 8
"""Classes whose logits are enlarged to the size of the photo at once."""


class PhotoNetwork(nn.Module):
    """Resizes a photo, normalizes it, runs a segmentor and takes the argmax at the photo's size.

    All sizes are computed by tensor operations, so that the graph that torch traces suits photos of any size. What
    cannot be traced is left out: ``refine`` of ``test_cfg``.

    Args:
        model: A fine-tuned model, or one of pixel attention with centroids.
        side: Pixels that ``edge`` is brought to first, the other one in proportion.
        edge: 'short', 'long', 'width' or 'height'.
        targets: ``K + 1`` ids that the model's ids count as; by default themselves.
        divisor: Both sides are then enlarged to a multiple of it.

    Raises:
        TypeError: If the model is of another kind.
        ValueError: If it holds no centroids yet, or ``edge`` is unknown.
    """

    def __init__(
        self,
        model: nn.Module,
        side: int,
        edge: Literal["short", "long", "width", "height"] = "short",
        targets: Sequence[int] | None = None,
        divisor: int = 1,
    ) -> None:
        super().__init__()
        if not isinstance(model, LUSSSegmentor | PixelAttentionSegmentor):
            raise TypeError(f"{type(model).__name__} is not made of one network: its labels need other images")
        if isinstance(model, PixelAttentionSegmentor) and model.decode_head.num_clusters == 0:
            raise ValueError("the pixel attention head holds no centroids: give the checkpoint pixel_labels.pth")
        if edge not in ("short", "long", "width", "height"):
            raise ValueError(f"edge is 'short', 'long', 'width' or 'height', not {edge!r}")
        self.model = model
        self.side = side
        self.edge = edge
        self.divisor = divisor
        self.targets: Tensor | None
        self.register_buffer("targets", None if targets is None else torch.as_tensor(targets, dtype=torch.int64))
        self.eval().requires_grad_(False)

    def forward(self, photo: Tensor) -> Tensor:
        """Labels ``(H, W)`` int32 of a photo ``(H, W, 3)`` uint8 RGB."""
        size = shape_as_tensor(photo)[:2]
        maps = self.maps(photo)
        if isinstance(self.model, PixelAttentionSegmentor):
            labels = _attention_labels(maps, self.model.decode_head.threshold, size)
        else:
            labels = self._logit_labels(maps, size)
        if self.targets is not None:
            labels = self.targets[labels]
        return labels.int()

    def maps(self, photo: Tensor) -> Tensor:
        """What labels are taken from: logits ``(K + 1, h, w)``, or cosines to K centroids and the score on top."""
        image = self._network_input(photo)
        if isinstance(self.model, LUSSSegmentor):
            return self.model._forward(image)[0].float()
        head = self.model.decode_head
        features, attention = head(self.model.extract_feat(image))
        centroids = F.normalize(head.centroids, dim=1)
        cosines = torch.einsum("kc,chw->khw", centroids, F.normalize(features[0], dim=0))
        evidence = head.evidence(features, attention)
        if evidence is not None:
            cosines = cosines + evidence[0, :, None, None]
        return torch.cat([cosines, head.foreground_scores(attention)])

    def _network_input(self, photo: Tensor) -> Tensor:
        size = shape_as_tensor(photo)[:2]
        edges = dict(short=size.min(), long=size.max(), height=size[0], width=size[1])
        size = self.side * size // edges[self.edge]
        image = antialiased_resize(photo.permute(2, 0, 1).float(), size)
        if self.divisor > 1:
            image = _enlarged(image, (size + self.divisor - 1) // self.divisor * self.divisor)
        preprocessor = self.model.data_preprocessor
        if not preprocessor.reverses_channels:
            image = image.flip(0)
        return ((image - preprocessor.mean) / preprocessor.std)[None]

    def _logit_labels(self, logits: Tensor, size: Tensor) -> Tensor:
        test_cfg = self.model.test_cfg or {}
        pixels = _pixels(_limited(size, *size_limits(test_cfg)))
        naming = naming_settings(test_cfg)
        if not any(naming.values()):
            return _nearest(argmax_in_blocks(logits, pixels, CLASSES_AT_ONCE), size)
        class_logits, foreground = foreground_logits(logits, **naming)
        labels = _nearest(argmax_in_blocks(class_logits, pixels, CLASSES_AT_ONCE) + 1, size)
        enlarged = F.interpolate(foreground[None, None], size=_pixels(size), mode="bilinear", align_corners=False)
        return torch.where(enlarged[0, 0] >= 0.5, labels, 0)


def antialiased_resize(image: Tensor, size: Tensor) -> Tensor:
    """Bilinear resize with antialiasing as Pillow does it in eight bits, by two matrix products.

    Args:
        image: ``(C, H, W)`` float32 in 0..255.
        size: ``(2,)`` int64, the new height and width.

    Returns:
        ``(C, height, width)`` float32, whole numbers in 0..255.
    """
    old = shape_as_tensor(image)[1:]
    wide = image @ _resize_weights(old[1], size[1]).T
    high = _resize_weights(old[0], size[0]) @ _rounded(wide)
    return _rounded(high)


def _enlarged(image: Tensor, size: Tensor) -> Tensor:
    """Bilinear resize to a larger size, whole numbers."""
    old = shape_as_tensor(image)[1:]
    return _rounded(_resize_weights(old[0], size[0]) @ (image @ _resize_weights(old[1], size[1]).T))


def _resize_weights(old: Tensor, new: Tensor) -> Tensor:
    """Share of each of ``old`` pixels in a row in each of ``new``, ``(new, old)`` float32."""
    scale = old.double() / new.double()
    centers = (_counted(new).double() + 0.5) * scale
    pixels = _counted(old).double() + 0.5
    weights = (1 - (pixels[None] - centers[:, None]).abs() / scale.clamp(min=1)).clamp(min=0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def _rounded(image: Tensor) -> Tensor:
    return (image + 0.5).floor().clamp(0, 255)


def _attention_labels(maps: Tensor, threshold: Tensor, size: Tensor) -> Tensor:
    score = F.interpolate(maps[None, -1:], size=_pixels(size), mode="bilinear", align_corners=False)[0, 0]
    return torch.where(score >= threshold, _nearest(maps[:-1].argmax(dim=0) + 1, size), 0)


def _limited(size: Tensor, most: int, side: Literal["height", "long"]) -> Tensor:
    """Size at which a photo is labeled; see ``label_map``."""
    if most <= 0:
        return size
    limited = most * size // (size[0] if side == "height" else size.max())
    return torch.where(size[0] * size[1] <= most**2, size, limited)


def _nearest(labels: Tensor, size: Tensor) -> Tensor:
    old = shape_as_tensor(labels)
    rows = _counted(size[0]) * old[0] // size[0]
    columns = _counted(size[1]) * old[1] // size[1]
    return labels.index_select(0, rows).index_select(1, columns)


def _counted(number: Tensor) -> Tensor:
    """0, 1, ... for a number that may be traced."""
    return torch.arange(number)  # type: ignore[call-overload]


def _pixels(size: Tensor) -> tuple[int, int]:
    """A size as torch's functions want it: numbers, or while tracing the tensors that stand for them."""
    if torch.jit.is_tracing():
        return size[0], size[1]  # type: ignore[return-value]
    return int(size[0]), int(size[1])
