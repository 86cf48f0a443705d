# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.models.losses import CrossEntropyLoss, accuracy
from mmseg.structures import SegDataSample

from mmluss.models import PixelCrossEntropy
from mmluss.models.fine_tuning.pixel_cross_entropy import pixel_accuracy

IGNORED = 1000


@pytest.fixture
def pixels() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    labels = torch.randint(0, 6, (2, 9, 7))
    labels[0, :4] = IGNORED
    logits = 3 * torch.randn(2, 6, 9, 7)
    return logits.scatter_add_(1, labels.clamp(max=5)[:, None], torch.full((2, 1, 9, 7), 2.0)), labels


def test_loss_and_gradient_are_mmseg_s(pixels):
    logits, labels = pixels
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    loss = PixelCrossEntropy(loss_weight=0.5)(ours, labels, ignore_index=IGNORED)
    expected = CrossEntropyLoss(loss_weight=0.5, avg_non_ignore=True)(theirs, labels, ignore_index=IGNORED)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_accuracy_is_mmseg_s(pixels):
    logits, labels = pixels
    found = pixel_accuracy(logits, labels, IGNORED)
    torch.testing.assert_close(found, accuracy(logits, labels, ignore_index=IGNORED))
    assert 20 < float(found) < 80


def test_nothing_counts(pixels):
    logits, labels = pixels[0].requires_grad_(), torch.full_like(pixels[1], IGNORED)
    loss = PixelCrossEntropy()(logits, labels, ignore_index=IGNORED)
    loss.backward()
    assert float(loss.detach()) == 0 and not logits.grad.any()
    assert pixel_accuracy(logits, labels, IGNORED).tolist() == [0.0]


def test_half_precision_is_summed_in_single(pixels):
    logits, labels = pixels[0].half(), pixels[1]
    loss = PixelCrossEntropy()(logits, labels, ignore_index=IGNORED)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, PixelCrossEntropy()(logits.float(), labels, ignore_index=IGNORED))


def test_heads_of_mmseg_take_it(pixels):
    logits, labels = pixels
    torch.manual_seed(0)
    settings = dict(in_channels=4, channels=4, num_convs=0, concat_input=False, num_classes=6, ignore_index=IGNORED)
    head = FCNHead(loss_decode=dict(type="PixelCrossEntropy"), **settings)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]
    losses = head.loss_by_feat(logits, samples)
    torch.testing.assert_close(losses["loss_ce"], PixelCrossEntropy()(logits, labels, ignore_index=IGNORED))
    with pytest.raises(ValueError, match="takes no weights of pixels"):
        PixelCrossEntropy()(logits, labels, torch.ones(2, 9, 7))
