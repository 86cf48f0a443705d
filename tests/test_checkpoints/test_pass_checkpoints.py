# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math
import re

import pytest
import torch
import torch.nn.functional as F

from mmluss.checkpoints.kinds import check_state_dict
from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass, pass_to_mmluss
from mmluss.models import LUSSSegmentor, PASSPretrainer, PixelAttentionSegmentor

from .published_networks import (
    DEEP,
    EMBEDDING,
    HIDDEN,
    PROTOTYPES,
    RESNET,
    Backbone,
    FineTuned,
    PixelAttention,
    Pretrained,
    SemiSupervised,
    randomize,
)

SIZES = dict(backbone=RESNET, hidden_channels=HIDDEN, embedding_dim=EMBEDDING, num_prototypes=PROTOTYPES)
CLASSES = 11


def build_ours(published):
    if isinstance(published, Pretrained):
        stages = [int(name[-1]) for name in published.projection_head_shallow]
        return PASSPretrainer(**SIZES, shallow_stages=stages, loss_weights=[1.0] * (1 + len(stages)))
    if isinstance(published, PixelAttention):
        return PixelAttentionSegmentor(**SIZES, queue=dict(length=8))
    return LUSSSegmentor(backbone=RESNET, decode_head=dict(type="LinearHead", num_classes=CLASSES))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64)


@pytest.mark.parametrize(
    "build",
    [Pretrained, lambda: Pretrained([3, 2]), lambda: Pretrained([]), PixelAttention, FineTuned],
    ids=["pretrain", "two_shallow_stages", "no_shallow_stage", "pixel_attention", "fine_tuned"],
)
def test_all_weights_find_their_place_and_their_way_back(build):
    weights = randomize(build()).state_dict()
    ours = pass_to_mmluss(weights)
    model = build_ours(build())
    check_state_dict(ours, model, "published.pth")
    model.load_state_dict(ours)
    back = mmluss_to_pass(model.state_dict())
    assert back.keys() == weights.keys()
    assert all(back[name].dtype == value.dtype and torch.equal(back[name], value) for name, value in weights.items())
    assert list(mmluss_to_pass(ours)) == list(weights)


def test_converted_pretraining_computes_the_same(images):
    published = randomize(Pretrained([3, 2]))
    model = build_ours(published).eval()
    model.load_state_dict(pass_to_mmluss(published.state_dict()))
    with torch.no_grad():
        maps = published.maps(images)
        embeddings, ours = model.embed([images, images])
        expected = F.normalize(published.projection_head(maps[-1].mean(dim=(2, 3))), dim=1)
        torch.testing.assert_close(embeddings[:2], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.prototypes(expected), published.prototypes(expected))
        for stage in (3, 2):
            pixel = published.projection_head_pixel_shallow[f"projection_head_pixel{stage}"](maps[stage - 1])
            head = published.projection_head_shallow[f"projection_head_shallow{stage}"]
            expected = published.prototypes(F.normalize(head(pixel.mean(dim=(2, 3))), dim=1))
            torch.testing.assert_close(model.shallow_scores(stage, ours)[:2], expected, rtol=1e-4, atol=1e-5)
        grid = torch.rand(2, 2, 7, 7, 2) * 2 - 1
        sampled, predicted = model.pixel_embeddings(ours[-1], grid)
        expected = F.grid_sample(published.projection_head_pixel(maps[-1]), grid[:, 0], align_corners=False)
        torch.testing.assert_close(sampled[:2], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(predicted[:2], published.predictor_head_pixel(expected), rtol=1e-4, atol=1e-4)


def test_converted_attention_computes_the_same(images):
    published = randomize(PixelAttention())
    model = build_ours(published).eval()
    model.load_state_dict(pass_to_mmluss(published.state_dict()))
    with torch.no_grad():
        deep = published.maps(images)[-1]
        features = F.interpolate(deep, scale_factor=4, mode="bilinear", align_corners=False)
        mask = torch.sigmoid(published.fbg.atten(F.normalize(features, dim=1)) + published.fbg.threshold)
        expected = F.normalize((features * mask).mean(dim=(2, 3)), dim=1)
        torch.testing.assert_close(model.image_embeddings(images), expected, rtol=1e-4, atol=1e-5)


def test_converted_segmentor_computes_the_same(images):
    published = randomize(FineTuned(CLASSES))
    model = build_ours(published).eval()
    model.load_state_dict(pass_to_mmluss(published.state_dict()))
    with torch.no_grad():
        logits = model.decode_head(model.extract_feat(images))
        torch.testing.assert_close(logits, published.last_layer(published.maps(images)[-1]), rtol=1e-4, atol=1e-4)


def test_centroids_make_pixel_attention_a_segmentation_model(images):
    published, centroids = randomize(PixelAttention()), torch.randn(9, DEEP)
    model = build_ours(published).eval()
    model.load_state_dict(pass_to_mmluss(published.state_dict(), centroids, 0.41))
    assert torch.equal(model.decode_head.centroids, centroids)
    assert float(model.decode_head.threshold) == pytest.approx(0.41)
    with torch.no_grad():
        model.predict(images)


def test_queue_and_centroids_have_no_published_name():
    model = build_ours(PixelAttention())
    model.queue.active = True
    model.queue.push([torch.randn(4, EMBEDDING)] * 2)
    model.decode_head.set_centroids(torch.randn(9, DEEP), 0.41)
    assert mmluss_to_pass(model.state_dict()).keys() == PixelAttention().state_dict().keys()


def test_names_nobody_knows_are_found_by_the_check():
    weights = Pretrained().state_dict() | {"surprise.weight": torch.zeros(1)}
    del weights["prototypes.weight"]
    message = "x.pth does not fit the model. Missing: prototypes.weight; unexpected: backbone.surprise.weight."
    with pytest.raises(ValueError, match=re.escape(message)):
        check_state_dict(pass_to_mmluss(weights), build_ours(Pretrained()), "x.pth")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SemiSupervised(), "is a published semi-supervised ResNet checkpoint; a published PASS"),
        (lambda: Backbone(), "is a bare ResNet; a published PASS checkpoint is expected"),
        (lambda: build_ours(Pretrained()), "is a checkpoint of PASSPretrainer; a published PASS"),
        (lambda: torch.nn.Linear(2, 2), "is a checkpoint of another model; a published PASS"),
    ],
)
def test_other_kinds_are_refused(build, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pass_to_mmluss(build().state_dict())


def test_way_back_refuses_published_weights():
    with pytest.raises(ValueError, match="is a published PASS fine-tuned checkpoint; one of checkpoint of PASSPre"):
        mmluss_to_pass(FineTuned().state_dict())


def test_way_back_refuses_other_backbones():
    weights = build_ours(FineTuned()).state_dict()
    weights["backbone.stem.0.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match=re.escape("(it knows ResNets with a 7x7 stem only): backbone.stem.0.weight")):
        mmluss_to_pass(weights)


@pytest.mark.parametrize(
    ("build", "centroids", "threshold", "message"),
    [
        (PixelAttention, torch.zeros(9, DEEP), None, "centroids need a foreground threshold"),
        (PixelAttention, torch.zeros(9, 32), 0.4, "centroids must be (K, 64) for this backbone, got (9, 32)"),
        (PixelAttention, torch.full((9, DEEP), math.nan), 0.4, "centroids hold NaN or infinity"),
        (FineTuned, torch.zeros(9, DEEP), 0.4, "centroids belong to a published PASS pixel-attention checkpoint"),
    ],
)
def test_bad_centroids_are_refused(build, centroids, threshold, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pass_to_mmluss(build().state_dict(), centroids, threshold)
