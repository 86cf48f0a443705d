# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Test-time augmentation against single passes averaged by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmseg.structures import SegDataSample

from mmluss.models import KNNSegmentor, LUSSSegmentor, LUSSTTAModel
from mmluss.models.fine_tuning.averaged_passes import average_passes
from mmluss.models.fine_tuning.resized_argmax import label_map

SIZE = (70, 110)
SIDES = {"horizontal": (-1,), "vertical": (-2,), "diagonal": (-2, -1)}


def segmentor(backbone: dict, **test_cfg) -> LUSSSegmentor:
    torch.manual_seed(0)
    preprocessor = dict(type="LUSSDataPreProcessor", mean=[120.0] * 3, std=[60.0] * 3)
    head = dict(type="LinearHead", num_classes=4)
    model = LUSSSegmentor(backbone, head, data_preprocessor=preprocessor, test_cfg=test_cfg)
    for _ in range(20):
        model.train().backbone(torch.randn(4, 3, 64, 64))
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    model.eval()
    with torch.no_grad():
        logits = model._forward((photos(1)[0].flip(0).float()[None] - 120) / 60)[0]
        # About half of the positions are foreground.
        model.decode_head.conv_seg.bias[0] += (logits[1:].logsumexp(dim=0) - logits[0]).median()
    return model.eval()


def one_pass(image: torch.Tensor, scale: float, flip: str | None) -> tuple[torch.Tensor, SegDataSample]:
    if scale != 1:
        size = [round(scale * side) for side in image.shape[1:]]
        image = F.interpolate(image[None].float(), size=size, mode="bilinear")[0].round().to(torch.uint8)
    sample = SegDataSample(metainfo=dict(ori_shape=SIZE, img_shape=image.shape[1:], flip=flip is not None))
    if flip is not None:
        image = image.flip(SIDES[flip])
        sample.set_metainfo(dict(flip_direction=flip))
    return image, sample


def photos(count: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    small = torch.from_numpy(rng.integers(0, 256, (count, 3, 8, 12)))
    return list(F.interpolate(small.float(), size=(64, 96), mode="bicubic").clamp(0, 255).to(torch.uint8))


def batch(images: list[torch.Tensor], passes: list[tuple[float, str | None]]) -> dict:
    pairs = [[one_pass(image, *settings) for image in images] for settings in passes]
    return dict(
        inputs=[[image for image, _ in one] for one in pairs],
        data_samples=[[sample for _, sample in one] for one in pairs],
    )


def plain_prediction(model: LUSSSegmentor, image: torch.Tensor) -> torch.Tensor:
    data = {key: value[0] for key, value in batch([image], [(1.0, None)]).items()}
    return model.test_step(data)[0].pred_sem_seg.data[0]


def test_average_equals_a_slow_one_and_differs_from_one_pass(tiny_resnet):
    model = segmentor(tiny_resnet)
    passes = [(1.0, None), (1.0, "horizontal"), (1.5, None), (1.5, "vertical"), (0.5, "diagonal")]
    images = photos(2)
    found = LUSSTTAModel(model).test_step(batch(images, passes))
    for image, sample in zip(images, found, strict=True):
        total = torch.zeros(4, 3, 5, dtype=torch.float64)
        for scale, flip in passes:
            one, _ = one_pass(image, scale, flip)
            with torch.no_grad():
                logits = model._forward((one.flip(0).float()[None] - 120) / 60)[0].double()
            probability = logits.exp() / logits.exp().sum(dim=0)
            if flip is not None:
                probability = probability.flip(SIDES[flip])
            total += F.interpolate(probability[None], size=total.shape[1:], mode="bilinear")[0]
        expected = label_map((total / len(passes)).log(), SIZE)
        labels = sample.pred_sem_seg.data[0]
        assert labels.shape == SIZE and labels.dtype == torch.int64
        assert (labels == expected).float().mean() > 0.999
        plain = plain_prediction(model, image)
        assert (labels != plain).float().mean() > 0.01


@pytest.mark.parametrize("test_cfg", [{}, dict(one_cluster=True), dict(refine=dict(type="GrabCut", short_side=32))])
def test_one_pass_alone_is_the_model_s_own_prediction(tiny_resnet, test_cfg):
    model = segmentor(tiny_resnet, **test_cfg)
    images = photos(1)
    (found,) = LUSSTTAModel(model).test_step(batch(images, [(1.0, None)]))
    expected = plain_prediction(model, images[0])
    assert torch.equal(found.pred_sem_seg.data[0], expected)
    assert len(expected.unique()) > 1


def test_refinement_sees_the_photo_upright(tiny_resnet):
    """A flipped pass alone, of a photo that is its own mirror image, gives the labels of the plain one."""
    model = segmentor(tiny_resnet, refine=dict(type="GrabCut", short_side=32))
    (image,) = photos(1)
    image[..., 48:] = image[..., :48].flip(-1)
    results = [LUSSTTAModel(model).test_step(batch([image], [(1.0, flip)]))[0] for flip in (None, "horizontal")]
    plain, flipped = (result.pred_sem_seg.data for result in results)
    assert (plain == flipped.flip(-1)).float().mean() > 0.98


def test_average_of_certain_passes_is_finite():
    logits = torch.tensor([1e4, -1e4])[:, None, None].expand(2, 3, 3)
    assert torch.isfinite(average_passes([logits, logits])).all()


def test_models_without_probabilities_are_refused(tiny_resnet):
    with pytest.raises(TypeError, match="KNNSegmentor has no probabilities to average: --tta goes with fine-tuned"):
        LUSSTTAModel(KNNSegmentor(tiny_resnet))


def test_outlines_follow_the_largest_pass(tiny_resnet, monkeypatch):
    model = segmentor(tiny_resnet, refine=dict(type="GrabCut", short_side=500))
    seen = []
    monkeypatch.setattr(
        "mmluss.models.grabcut.grabcut", lambda photo, areas, rounds: seen.append(photo.shape) or areas > 2
    )
    [image] = photos(1)
    LUSSTTAModel(model).test_step(batch([image], [(0.5, None), (1.5, "horizontal"), (1.0, None)]))
    assert seen == [(96, 144, 3)]
