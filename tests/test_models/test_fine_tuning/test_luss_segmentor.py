# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmluss.models import LUSSSegmentor
from mmluss.models.fine_tuning.resized_argmax import label_map


@pytest.fixture
def segmentor(tiny_resnet) -> LUSSSegmentor:
    return LUSSSegmentor(backbone=tiny_resnet, decode_head=dict(type="LinearHead", num_classes=5))


def test_head_gets_the_backbone_s_channels(segmentor):
    assert segmentor.decode_head.in_channels == 64
    assert segmentor.num_classes == 5


def test_predictions_have_the_original_sizes(segmentor):
    images = torch.randn(2, 3, 64, 96)
    sizes = [(70, 110), (30, 41)]
    samples = [SegDataSample(metainfo=dict(ori_shape=size, img_shape=(64, 96))) for size in sizes]
    segmentor.eval()
    with torch.no_grad():
        predicted = segmentor.predict(images, samples)
        logits = segmentor.decode_head(segmentor.extract_feat(images))
    for index, (sample, size) in enumerate(zip(predicted, sizes, strict=True)):
        data = sample.pred_sem_seg.data
        assert data.shape == (1, *size)
        assert data.dtype == torch.int64
        assert torch.equal(data[0], label_map(logits[index], size))
        assert "seg_logits" not in sample


def test_size_of_the_input_without_samples(segmentor):
    with torch.no_grad():
        (predicted,) = segmentor.eval().predict(torch.randn(1, 3, 64, 96))
    assert predicted.pred_sem_seg.data.shape == (1, 64, 96)


@pytest.mark.parametrize("side", ["height", "long"])
def test_limits_come_from_test_cfg(tiny_resnet, side):
    head = dict(type="LinearHead", num_classes=5)
    test_cfg = dict(mode="whole", max_resolution=32, limited_side=side)
    segmentor = LUSSSegmentor(backbone=tiny_resnet, decode_head=head, test_cfg=test_cfg).eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        (predicted,) = segmentor.predict(images)
        logits = segmentor.decode_head(segmentor.extract_feat(images))[0]
    assert torch.equal(predicted.pred_sem_seg.data[0], label_map(logits, (64, 96), 32, side))


def test_loss_reaches_the_backbone(segmentor):
    labels = torch.randint(0, 5, (2, 1, 64, 64))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]
    losses = segmentor(torch.randn(2, 3, 64, 64), samples, mode="loss")
    losses["decode.loss_ce"].backward()
    assert all(parameter.grad is not None for parameter in segmentor.parameters())
