# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import load_state_dict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmluss  # noqa: F401
from mmluss.models.distance_matching.distance_matching import support_embeddings

init_default_scope("mmseg")

RESNET = dict(type="ResNet", depth=18, stem_channels=4, base_channels=4)
BACKBONES = {
    "mmseg": RESNET,
    "mmpretrain": dict(type="mmpretrain.ResNet", depth=18, stem_channels=4, base_channels=4),
    "vit": dict(
        type="mmpretrain.VisionTransformer",
        arch=dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=24),
        img_size=64,
        out_type="featmap",
    ),
    "timm": dict(type="mmpretrain.TIMMBackbone", model_name="test_efficientnet", features_only=True),
}


def build(backbone=RESNET, seed=0, **kwargs):
    torch.manual_seed(seed)
    return MODELS.build(dict(type="KNNSegmentor", backbone=backbone, **kwargs)).eval()


def sample_with_mask(mask: torch.Tensor) -> SegDataSample:
    return SegDataSample(gt_sem_seg=PixelData(data=mask[None]))


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES)
def test_backbones_of_several_libraries(backbone):
    model = build(backbone)
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(60, 90, dtype=torch.int64)
    mask[:, 45:] = 919
    model.set_supports(*model.image_supports(image, [sample_with_mask(mask)]))
    sample = SegDataSample(metainfo=dict(ori_shape=(60, 90)))
    (predicted,) = model.predict(image, [sample])
    labels = predicted.pred_sem_seg.data
    assert labels.shape == (1, 60, 90)
    assert labels.dtype == torch.int64
    assert set(labels.unique().tolist()) <= {0, 919}


def test_supports_are_those_of_each_image_and_normalized_when_set():
    model = build()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = [torch.full((50, 40), 3), torch.full((64, 64), 0)]
    masks[0][:20] = 1
    embeddings, labels = model.image_supports(images, [sample_with_mask(mask) for mask in masks])
    assert labels.tolist() == [1, 3, 0]
    with torch.no_grad():
        features = model.extract_feat(images[:1])[0]
    expected, _ = support_embeddings(features, masks[0])
    torch.testing.assert_close(embeddings[:2], expected)
    model.set_supports(embeddings, labels)
    torch.testing.assert_close(model.supports, F.normalize(embeddings, dim=1))


def test_label_maps_have_the_original_size_or_that_of_the_input():
    model = build()
    model.set_supports(torch.rand(20, 32), torch.arange(20))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        (first, _), enlarged = model.predict(images), model.encode_decode(images)
    assert enlarged.shape == (2, 8, 8)
    expected = enlarged[0].repeat_interleave(8, 0).repeat_interleave(8, 1)
    np.testing.assert_array_equal(first.pred_sem_seg.data[0].numpy(), expected.numpy())


def test_without_supports_the_way_out_is_named():
    with pytest.raises(RuntimeError, match="SupportHook"):
        build().predict(torch.zeros(1, 3, 32, 32))


def test_training_is_refused():
    with pytest.raises(NotImplementedError, match=r"tools/test\.py"):
        build()(torch.zeros(1, 3, 32, 32), [], mode="loss")


@pytest.mark.parametrize(("rows", "channels", "labels"), [(3, 31, 3), (3, 32, 2), (0, 32, 0)])
def test_supports_that_do_not_fit_are_refused(rows, channels, labels):
    with pytest.raises(ValueError, match=r"\(M, 32\) vectors"):
        build().set_supports(torch.zeros(rows, channels), torch.zeros(labels, dtype=torch.int64))


@pytest.mark.parametrize("prefix", ["backbone.", ""])
def test_backbone_weights_of_a_checkpoint_are_loaded_without_warnings(prefix, caplog):
    logger = MMLogger.get_instance(f"knn{prefix}")
    logger.addHandler(caplog.handler)
    stored = {prefix + name: value for name, value in build(seed=1).backbone.state_dict().items()}
    if prefix:
        stored |= {"projector.layers.0.weight": torch.zeros(3, 2), "queue.embeddings": torch.zeros(2, 8, 4)}
    model = build(seed=2)
    load_state_dict(model, stored, strict=False, logger=logger)
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, stored[prefix + name])
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert list(model.state_dict()) == [f"backbone.{name}" for name in model.backbone.state_dict()]


def test_init_cfg_of_the_backbone_is_applied_without_training(tmp_path):
    source = build(seed=1)
    torch.save(dict(state_dict=source.state_dict()), tmp_path / "pretrain.pth")
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "pretrain.pth"), prefix="backbone.")
    model = build(dict(RESNET, init_cfg=init_cfg), seed=2)
    for mine, given in zip(model.backbone.parameters(), source.backbone.parameters(), strict=True):
        assert torch.equal(mine, given)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"encoder.weight": torch.zeros(2)}, r"names like encoder\.weight; expected are names like conv1\.weight"),
        ({"backbone.conv1.weight": torch.zeros(8, 3, 7, 7)}, r"conv1\.weight.*\[8, 3, 7, 7\]"),
    ],
)
def test_weights_of_another_backbone_are_refused(stored, message):
    with pytest.raises(ValueError, match=message):
        load_state_dict(build(), stored, strict=False)
