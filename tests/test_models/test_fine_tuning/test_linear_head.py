# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmluss.models import LinearHead

LOSSES = ((1.0, "loss_ce"), (0.5, "loss_more"), (2.0, "loss_ce"))


def labeled(labels: torch.Tensor) -> list[SegDataSample]:
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def bilinear(logits: torch.Tensor, size) -> torch.Tensor:
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def test_classifies_the_last_map():
    head = LinearHead(in_channels=6, num_classes=4).eval()
    maps = (torch.randn(2, 3, 8, 8), torch.randn(2, 6, 4, 5))
    logits = head(maps)
    torch.testing.assert_close(logits, head.conv_seg(maps[-1]))
    assert logits.shape == (2, 4, 4, 5)


def test_upsampling():
    head, feature_map = LinearHead(in_channels=6, num_classes=4, upsampling=2).eval(), torch.randn(2, 6, 4, 5)
    torch.testing.assert_close(head((feature_map,)), bilinear(head.conv_seg(feature_map), (8, 10)))


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_loss_takes_every_so_many_label(stride):
    head, logits = LinearHead(in_channels=6, num_classes=4, label_stride=stride), torch.randn(2, 4, 3, 3)
    labels = torch.randint(0, 4, (2, 16, 24))
    losses = head.loss_by_feat(logits, labeled(labels))
    kept = labels[:, ::stride, ::stride]
    resized = bilinear(logits, kept.shape[1:])
    torch.testing.assert_close(losses["loss_ce"], F.cross_entropy(resized, kept))
    torch.testing.assert_close(losses["acc_seg"].squeeze(), (resized.argmax(1) == kept).float().mean() * 100)


def test_labels_can_be_brought_to_the_logits():
    head = LinearHead(in_channels=6, num_classes=4, upsampling=2, label_stride=None, loss_upsampling=2)
    logits, labels = torch.randn(2, 4, 6, 8), torch.randint(0, 4, (2, 96, 64))
    kept = labels[:, ::8, ::4]
    expected = F.cross_entropy(bilinear(logits, (12, 16)), kept)
    torch.testing.assert_close(head.loss_by_feat(logits, labeled(labels))["loss_ce"], expected)


def test_ignored_pixels_count_neither_in_the_sum_nor_in_the_mean():
    head, logits = LinearHead(in_channels=6, num_classes=4, label_stride=1), torch.randn(1, 4, 6, 6)
    labels = torch.randint(0, 4, (1, 6, 6))
    labels[0, 2:] = 1000
    expected = F.cross_entropy(logits, labels, ignore_index=1000)
    torch.testing.assert_close(head.loss_by_feat(logits, labeled(labels))["loss_ce"], expected)


def test_ids_above_255_are_classes():
    head, logits = LinearHead(in_channels=6, num_classes=920, label_stride=1), torch.randn(1, 920, 4, 4)
    labels = torch.full((1, 4, 4), 919)
    expected = F.cross_entropy(logits, labels)
    torch.testing.assert_close(head.loss_by_feat(logits, labeled(labels))["loss_ce"], expected)


def test_twenty_gradient_steps_lower_the_loss():
    head, feature_map = LinearHead(in_channels=6, num_classes=4), torch.randn(2, 6, 4, 4)
    samples = labeled(torch.randint(0, 4, (2, 8, 8)))
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
    values = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = head.loss_by_feat(head((feature_map,)), samples)["loss_ce"]
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < values[0] - 0.01


def test_several_losses_are_taken_each_by_its_name():
    kinds = [dict(type="PixelCrossEntropy", loss_weight=weight, loss_name=name) for weight, name in LOSSES]
    head, logits = LinearHead(in_channels=6, num_classes=4, label_stride=1, loss_decode=kinds), torch.randn(1, 4, 6, 6)
    labels = torch.randint(0, 4, (1, 6, 6))
    losses = head.loss_by_feat(logits, labeled(labels))
    expected = F.cross_entropy(logits, labels)
    assert set(losses) == {"loss_ce", "loss_more", "acc_seg"}
    torch.testing.assert_close(losses["loss_ce"], 3 * expected)
    torch.testing.assert_close(losses["loss_more"], 0.5 * expected)


def test_a_sampler_is_refused():
    with pytest.raises(ValueError, match="LinearHead takes no sampler"):
        LinearHead(in_channels=6, num_classes=4, sampler=dict(type="OHEMPixelSampler", thresh=0.7))
