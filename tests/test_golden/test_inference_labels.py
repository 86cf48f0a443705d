# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import hashlib

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample
from torch import nn

from mmluss.models import LUSSSegmentor
from mmluss.models.fine_tuning.resized_argmax import label_map


class StoredLogits(nn.Module):
    """A backbone that ignores its image."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.logits[None],)


def assert_labels(item: dict, computed: torch.Tensor, expected: np.ndarray, equal: float) -> None:
    labels = computed.numpy().astype(np.uint16)
    assert (labels == expected).mean() >= equal
    if (labels == expected).all():
        assert hashlib.sha256(labels.tobytes()).hexdigest() == item["sha256_of_uint16_bytes"]


@pytest.mark.golden_kind("inference")
def test_label_maps(case):
    stored = case.arrays
    for item in case.settings["items"]:
        logits = torch.from_numpy(stored[f"logits{item['i']}"])
        labels = label_map(logits, item["image_hw"], item["max_res"])
        assert_labels(item, labels, stored[f"label{item['i']}"], case.limit("label"))


@pytest.mark.golden_kind("inference")
def test_segmentor_predicts_them(case):
    stored, num_classes = case.arrays, case.settings["num_classes"] + 1
    head = dict(type="LinearHead", in_channels=num_classes, num_classes=num_classes)
    model = LUSSSegmentor(backbone=dict(type="ResNet", depth=18), decode_head=head).eval()
    nn.init.zeros_(model.decode_head.conv_seg.bias)
    with torch.no_grad():
        model.decode_head.conv_seg.weight.copy_(torch.eye(num_classes)[:, :, None, None])
    for item in case.settings["items"]:
        model.backbone = StoredLogits(torch.from_numpy(stored[f"logits{item['i']}"]))
        model.test_cfg = dict(mode="whole", max_resolution=item["max_res"])
        sample = SegDataSample(metainfo=dict(ori_shape=tuple(item["image_hw"])))
        with torch.no_grad():
            (predicted,) = model.predict(torch.zeros(1, 3, 8, 8), [sample])
        assert_labels(item, predicted.pred_sem_seg.data[0], stored[f"label{item['i']}"], case.limit("label"))
