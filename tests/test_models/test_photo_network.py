# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The traceable network against the test pipeline and the segmentors' own inference."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.dataset import pseudo_collate
from PIL import Image

from mmluss.models import KNNSegmentor, LUSSSegmentor, PixelAttentionSegmentor
from mmluss.models.photo_network import PhotoNetwork, antialiased_resize

SIZES = ((64, 96), (120, 75), (31, 47), (200, 199))
PREPROCESSOR = dict(type="LUSSDataPreProcessor", mean=[120.0, 100.0, 90.0], std=[60.0, 50.0, 55.0])


def noisy_photo(size: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    return np.array(small.resize(size[::-1], Image.Resampling.BICUBIC))


def settled(model: torch.nn.Module) -> torch.nn.Module:
    """Batch statistics of noise, so that a random network gives different labels to different pixels."""
    for _ in range(20):
        model.train().backbone(torch.randn(4, 3, 64, 64))
    if hasattr(model.decode_head, "conv_seg"):
        torch.nn.init.normal_(model.decode_head.conv_seg.weight)
        torch.nn.init.zeros_(model.decode_head.conv_seg.bias)
    return model.eval()


def inference(model: torch.nn.Module, photo: np.ndarray, scale: int = 48, edge: str = "short") -> np.ndarray:
    """Labels by mmseg's transforms and the model's own test step."""
    resize = dict(type="mmpretrain.ResizeEdge", scale=scale, edge=edge, backend="pillow", interpolation="bilinear")
    data = dict(img=np.ascontiguousarray(photo[..., ::-1]), img_shape=photo.shape[:2], ori_shape=photo.shape[:2])
    data = Compose([resize, dict(type="PackSegInputs", meta_keys=("ori_shape",))])(data | dict(img_path=""))
    with torch.no_grad():
        return model.test_step(pseudo_collate([data]))[0].pred_sem_seg.data[0].numpy()


@pytest.mark.parametrize("size", [(17, 300), (48, 64), (96, 128), (130, 31), (48, 65)])
def test_resize_is_pillow_s(size):
    photo = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    found = antialiased_resize(torch.from_numpy(photo).permute(2, 0, 1).float(), torch.tensor(size))
    expected = np.asarray(Image.fromarray(photo).resize(size[::-1], Image.Resampling.BILINEAR))
    difference = np.abs(found.permute(1, 2, 0).numpy() - expected)
    # Pillow's weights have 22 bits, so that values at .5, common only where an image is enlarged, round the other way.
    assert difference.max() <= 1
    assert (difference > 0).mean() < (1e-3 if size[0] <= 96 and size[1] <= 128 else 0.25)


@pytest.fixture(
    params=[
        "plain",
        "limited by height",
        "limited by long side",
        "one cluster",
        "evidence",
        "evidence, limited",
        "shuffled",
        "bgr",
    ]
)
def segmentor(request, tiny_resnet) -> LUSSSegmentor:
    head = dict(type="LinearHead", num_classes=21)
    settings = {
        "limited by height": dict(test_cfg=dict(max_resolution=50, limited_side="height")),
        "limited by long side": dict(test_cfg=dict(max_resolution=50, limited_side="long")),
        "evidence, limited": dict(
            test_cfg=dict(image_evidence=2.0, max_resolution=30, limited_side="long"),
            decode_head=dict(type="LinearHead", num_classes=3),
        ),
        "one cluster": dict(test_cfg=dict(one_cluster=True), decode_head=dict(type="LinearHead", num_classes=3)),
        "evidence": dict(test_cfg=dict(image_evidence=2.0), decode_head=dict(type="LinearHead", num_classes=3)),
        "shuffled": dict(decode_head=dict(type="PixelShuffleHead", num_classes=21, patch_size=3)),
        "bgr": dict(data_preprocessor=dict(PREPROCESSOR, bgr_to_rgb=False)),
    }.get(request.param, {})
    defaults = dict(backbone=tiny_resnet, decode_head=head, data_preprocessor=PREPROCESSOR)
    return settled(LUSSSegmentor(**(defaults | settings)))


@pytest.mark.parametrize("size", SIZES)
def test_labels_are_those_of_the_segmentor(segmentor, size):
    photo = noisy_photo(size)
    found = PhotoNetwork(segmentor, 48)(torch.from_numpy(photo)).numpy()
    expected = inference(segmentor, photo)
    assert found.dtype == np.int32 and found.shape == size
    assert (found == expected).mean() > 0.98
    assert len(np.unique(expected)) > 1


@pytest.mark.parametrize(
    "options",
    [{}, dict(foreground="relative"), dict(image_evidence=2.0), dict(image_evidence=2.0, pooling="foreground")],
)
def test_pixel_attention_s_labels(tiny_resnet, options):
    model = PixelAttentionSegmentor(
        backbone=tiny_resnet,
        hidden_channels=8,
        embedding_dim=4,
        num_prototypes=6,
        decode_head=options,
        data_preprocessor=PREPROCESSOR,
    )
    settled(model)
    with pytest.raises(ValueError, match=r"give the checkpoint pixel_labels\.pth"):
        PhotoNetwork(model, 48)
    model.decode_head.set_centroids(torch.randn(5, 64), 0.5)
    photo = noisy_photo((80, 112))
    expected = inference(model, photo)
    assert 0 < (expected == 0).mean() < 1
    assert (PhotoNetwork(model, 48)(torch.from_numpy(photo)).numpy() == expected).mean() > 0.99


@pytest.mark.parametrize("edge", ["long", "width", "height"])
def test_other_edges(tiny_resnet, edge):
    head = dict(type="LinearHead", num_classes=9)
    model = settled(LUSSSegmentor(tiny_resnet, head, data_preprocessor=PREPROCESSOR))
    photo = noisy_photo((60, 90))
    found = PhotoNetwork(model, 40, edge)(torch.from_numpy(photo)).numpy()
    assert (found == inference(model, photo, 40, edge)).mean() > 0.98
    assert (found == PhotoNetwork(model, 160)(torch.from_numpy(photo)).numpy()).mean() < 0.99


def test_ids_are_merged_and_dropped(tiny_resnet):
    head = dict(type="LinearHead", num_classes=4)
    model = settled(LUSSSegmentor(tiny_resnet, head, data_preprocessor=PREPROCESSOR))
    photo = torch.from_numpy(noisy_photo((60, 90)))
    labels = PhotoNetwork(model, 48)(photo)
    merged = PhotoNetwork(model, 48, targets=[0, 1, 1, 0])(photo)
    assert torch.equal(merged, torch.tensor([0, 1, 1, 0], dtype=torch.int32)[labels.long()])
    assert not torch.equal(merged, labels)


def test_what_is_no_network_is_refused(tiny_resnet):
    with pytest.raises(TypeError, match="KNNSegmentor is not made of one network"):
        PhotoNetwork(KNNSegmentor(tiny_resnet), 48)
    model = LUSSSegmentor(tiny_resnet, dict(type="LinearHead", num_classes=4))
    with pytest.raises(ValueError, match="not 'shorter'"):
        PhotoNetwork(model, 48, "shorter")
