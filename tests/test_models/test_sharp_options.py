# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Options beyond the published method: relative scores, evidence of the whole image, refinement against the photo."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmseg.structures import SegDataSample

from mmluss.models import GrabCut, LUSSSegmentor, PixelAttentionHead, PixelAttentionSegmentor
from mmluss.models.fine_tuning.luss_segmentor import foreground_logits
from mmluss.models.grabcut import denormalized_photo
from mmluss.models.pixel_attention.nearest_centroid import nearest_centroids

REFINE = dict(type="GrabCut", short_side=24, iterations=1)


def samples(count: int, size: tuple[int, int]) -> list[SegDataSample]:
    return [SegDataSample(metainfo=dict(ori_shape=size)) for _ in range(count)]


def test_image_evidence_is_added_to_each_cosine():
    torch.manual_seed(0)
    features, centroids, evidence = torch.randn(2, 5, 4, 6), torch.randn(7, 5), torch.randn(2, 7)
    found = nearest_centroids(features, centroids, image_evidence=evidence)
    cosine = torch.einsum("kc,bchw->bkhw", F.normalize(centroids, dim=1), F.normalize(features, dim=1))
    assert torch.equal(found, (cosine + evidence[..., None, None]).argmax(dim=1) + 1)
    blocks = nearest_centroids(features, centroids, max_similarities=14, image_evidence=evidence)
    assert torch.equal(found, blocks)
    assert not torch.equal(found, nearest_centroids(features, centroids))


@pytest.fixture
def heads() -> dict[str, PixelAttentionHead]:
    torch.manual_seed(0)
    options = dict(
        plain={},
        relative=dict(foreground="relative"),
        evident=dict(image_evidence=3.0),
        pooled=dict(image_evidence=3.0, pooling="foreground"),
    )
    heads = {name: PixelAttentionHead(6, upsampling=2, **option).eval() for name, option in options.items()}
    for head in heads.values():
        head.load_state_dict(heads["plain"].state_dict())
        head.set_centroids(torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), 0.5)
    return heads


def test_relative_scores_use_the_whole_range_in_each_image(heads):
    maps = torch.randn(3, 6, 5, 5)
    clusters, scores = heads["plain"].pixel_scores(maps)
    same, relative = heads["relative"].pixel_scores(maps)
    assert torch.equal(clusters, same)
    low, high = scores.amin(dim=(1, 2), keepdim=True), scores.amax(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(relative, (scores - low) / (high - low), atol=1e-3, rtol=0)


def test_much_evidence_makes_an_image_of_one_cluster(heads):
    maps = torch.randn(3, 6, 5, 5)
    plain, evident = heads["plain"].pixel_scores(maps)[0], heads["evident"].pixel_scores(maps)[0]
    assert all(len(image.unique()) <= len(other.unique()) for image, other in zip(evident, plain, strict=True))
    assert not torch.equal(plain, evident)


def test_image_embeddings_of_the_foreground(heads):
    maps = torch.randn(3, 6, 5, 5)
    features, attention = heads["pooled"](maps)
    score = attention.mean(dim=1, keepdim=True)
    low, high = score.amin(dim=(2, 3), keepdim=True), score.amax(dim=(2, 3), keepdim=True)
    expected = (features * ((score - low) / (high - low)) ** 4).mean(dim=(2, 3))
    torch.testing.assert_close(heads["pooled"].cluster_embeddings(maps), expected, atol=1e-5, rtol=1e-3)
    # What an image is named by is pooled in the same way.
    directions = F.normalize(features, dim=1)
    centroids = F.normalize(heads["pooled"].centroids, dim=1)
    cosines = torch.einsum("kc,bchw->bkhw", centroids, directions)
    evidence = 3 * F.normalize(expected, dim=1) @ centroids.T
    clusters = heads["pooled"].pixel_scores(maps)[0]
    assert torch.equal(clusters, (cosines + evidence[..., None, None]).argmax(dim=1) + 1)
    assert not torch.equal(clusters, heads["evident"].pixel_scores(maps)[0])


def test_saliency_takes_the_place_of_any_weights(heads):
    maps, saliency = torch.randn(3, 6, 5, 5), torch.rand(3, 1, 20, 20)
    found = [heads[name].cluster_embeddings(maps, saliency) for name in ("plain", "pooled")]
    assert torch.equal(*found)


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="by 'attention' or 'foreground', not 'mask'"):
        PixelAttentionHead(6, pooling="mask")


def test_unknown_foreground_is_refused():
    with pytest.raises(ValueError, match="'absolute' or 'relative', not 'stretched'"):
        PixelAttentionHead(6, foreground="stretched")


def test_pixel_labels_are_refined_against_the_photo(tiny_resnet):
    torch.manual_seed(0)
    preprocessor = dict(type="LUSSDataPreProcessor", mean=[120.0] * 3, std=[60.0] * 3)
    settings = dict(
        backbone=tiny_resnet, hidden_channels=8, embedding_dim=4, num_prototypes=6, data_preprocessor=preprocessor
    )
    plain = PixelAttentionSegmentor(**settings).eval()
    refined = PixelAttentionSegmentor(**settings, test_cfg=dict(refine=REFINE)).eval()
    channels = plain.decode_head.centroids.shape[1]
    refined.load_state_dict(plain.state_dict())
    inputs = torch.randn(2, 3, 64, 96)
    for model in (plain, refined):
        _, scores = model.decode_head(model.extract_feat(inputs))
        model.decode_head.set_centroids(torch.eye(channels)[:5], float(scores.float().mean(dim=1).median()))
    before, after = (model.predict(inputs, samples(2, (70, 100))) for model in (plain, refined))
    refine = GrabCut(short_side=24, iterations=1)
    threshold = float(refined.decode_head.threshold)
    for image, old, new in zip(inputs, before, after, strict=True):
        photo = denormalized_photo(image, refined.data_preprocessor)
        score = refined.pixel_scores(image[None])[1][0].detach().numpy()
        kept = refine(photo, score, threshold, (70, 100))
        cluster = new.pred_cluster.data[0].numpy()
        np.testing.assert_array_equal(new.pred_sem_seg.data[0].numpy(), np.where(kept, cluster, 0))
        assert torch.equal(old.pred_cluster.data, new.pred_cluster.data)
    assert any(not torch.equal(a.pred_sem_seg.data, b.pred_sem_seg.data) for a, b in zip(before, after, strict=True))
    built = dict(REFINE, sure_foreground=refine.sure_foreground, sure_background=refine.sure_background)
    assert refined.label_settings == dict(foreground="absolute", image_evidence=0.0, pooling="attention", refine=built)
    assert plain.label_settings["refine"] is None


def test_photo_comes_back_from_the_network_input(tiny_resnet):
    model = LUSSSegmentor(
        backbone=tiny_resnet,
        decode_head=dict(type="LinearHead", num_classes=4),
        data_preprocessor=dict(
            type="LUSSDataPreProcessor", mean=[10.0, 20.0, 30.0], std=[50.0, 60.0, 70.0], bgr_to_rgb=False
        ),
    )
    photo = torch.randint(0, 256, (3, 8, 9), dtype=torch.uint8)
    inputs = model.data_preprocessor(dict(inputs=[photo], data_samples=samples(1, (8, 9))), False)["inputs"]
    np.testing.assert_array_equal(denormalized_photo(inputs[0], model.data_preprocessor), photo.permute(1, 2, 0))


def test_foreground_and_one_class():
    logits = torch.tensor([[[0.0, 5.0]], [[2.0, 0.0]], [[0.0, 4.0]]])
    class_logits, foreground = foreground_logits(logits, one_cluster=False)
    assert (class_logits.argmax(dim=0) + 1).tolist() == [[1, 2]]
    torch.testing.assert_close(foreground, 1 - logits.softmax(dim=0)[0])
    class_logits, relative = foreground_logits(logits, one_cluster=True)
    assert (class_logits.argmax(dim=0) + 1).tolist() == [[1, 1]]
    torch.testing.assert_close(relative, foreground / foreground.max())


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_evidence_is_the_share_of_a_class_in_the_image(weight):
    logits = torch.randn(5, 6, 7, dtype=torch.float64)
    found, foreground = foreground_logits(logits, image_evidence=weight)
    plain, same = foreground_logits(logits)
    probability = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=0)
    shares = [probability[id_].sum() / probability[1:].sum() for id_ in range(1, 5)]
    added = weight * np.log(shares)[:, None, None]
    np.testing.assert_allclose(found.numpy(), logits[1:].numpy() + added, rtol=1e-4, atol=1e-5)
    assert torch.equal(foreground, same) and not torch.equal(found, plain)
    assert torch.equal(foreground_logits(logits, True, weight)[0], foreground_logits(logits, True)[0])


def test_evidence_spares_several_things_and_drops_strays(tiny_resnet):
    """Two halves stay two things; positions that hardly prefer a third one take the name of what is around them."""
    logits = torch.zeros(4, 8, 16)
    logits[0, :2] = 9
    logits[1, 2:, :8], logits[2, 2:, 8:] = 8, 8
    logits[1, 4, 4], logits[3, 4, 4] = 4, 4.5
    options = dict(backbone=tiny_resnet, decode_head=dict(type="LinearHead", num_classes=4))
    plain = LUSSSegmentor(**options).image_labels(torch.zeros(3, 8, 16), logits, (8, 16))
    test_cfg = dict(image_evidence=1.0)
    found = LUSSSegmentor(**options, test_cfg=test_cfg).image_labels(torch.zeros(3, 8, 16), logits, (8, 16))
    assert plain[4, 4] == 3 and found[4, 4] == 1
    expected = plain.clone()
    expected[4, 4] = 1
    assert torch.equal(found, expected)
    assert set(found.unique().tolist()) == {0, 1, 2}


@pytest.mark.parametrize("refine", [None, REFINE])
def test_one_thing_is_found_where_none_is_sure(tiny_resnet, refine):
    model = LUSSSegmentor(
        backbone=tiny_resnet, decode_head=dict(type="LinearHead", num_classes=3), test_cfg=dict(refine=refine)
    )
    logits = torch.zeros(3, 8, 8)
    logits[0] = 4
    logits[2, 2:5, 3:7] = 3.5
    image = 255 * F.interpolate((logits[2:] > 0).float()[None], size=(64, 64))[0].expand(3, 64, 64)
    assert not model.image_labels(image, logits, (64, 64)).any()
    model.test_cfg["one_cluster"] = True
    labels = model.image_labels(image, logits, (64, 64))
    assert set(labels.unique().tolist()) == {0, 2}
    shown = image[0] > 0
    assert ((labels > 0) & shown).sum() / ((labels > 0) | shown).sum() > 0.8


@pytest.mark.parametrize("refine", [None, REFINE])
@pytest.mark.parametrize("one_cluster", [False, True])
def test_fine_tuned_predictions(tiny_resnet, refine, one_cluster):
    torch.manual_seed(0)
    model = LUSSSegmentor(
        backbone=tiny_resnet,
        decode_head=dict(type="LinearHead", num_classes=4),
        test_cfg=dict(refine=refine, one_cluster=one_cluster),
        data_preprocessor=dict(type="LUSSDataPreProcessor", mean=[120.0] * 3, std=[60.0] * 3),
    ).eval()
    torch.nn.init.normal_(model.decode_head.conv_seg.weight, std=3)
    inputs = torch.randn(2, 3, 64, 96)
    logits = model._forward(inputs)
    for index, sample in enumerate(model.predict(inputs, samples(2, (64, 96)))):
        labels = sample.pred_sem_seg.data[0].numpy()
        class_logits, foreground = foreground_logits(logits[index].detach(), one_cluster)
        size = dict(size=(64, 96), mode="bilinear", align_corners=False)
        full = F.interpolate(class_logits[None], **size)[0].argmax(dim=0).numpy() + 1
        if refine is None:
            kept = F.interpolate(foreground[None, None], **size)[0, 0].numpy() >= 0.5
        else:
            photo = denormalized_photo(inputs[index], model.data_preprocessor)
            kept = GrabCut(short_side=24, iterations=1)(photo, foreground.numpy(), 0.5, (64, 96))
        expected = full if refine is not None or one_cluster else None
        if expected is not None:
            np.testing.assert_array_equal(labels, np.where(kept, expected, 0))
        if one_cluster:
            assert len(np.unique(labels[labels > 0])) <= 1


def test_former_name_of_one_cluster_still_works(tiny_resnet):
    with pytest.warns(FutureWarning, match="one_cluster"):
        model = LUSSSegmentor(
            backbone=tiny_resnet,
            decode_head=dict(type="LinearHead", num_classes=4),
            test_cfg=dict(one_category=True),
        ).eval()
    torch.nn.init.normal_(model.decode_head.conv_seg.weight, std=3)
    labels = model.predict(torch.randn(1, 3, 64, 96))[0].pred_sem_seg.data
    assert len(labels[labels > 0].unique()) == 1


@pytest.mark.parametrize("weight", [-1.0, "much"])
def test_unusable_evidence_is_an_error_from_the_start(tiny_resnet, weight):
    head = dict(type="LinearHead", num_classes=4)
    with pytest.raises(ValueError, match="image_evidence is a number, 0 or more"):
        LUSSSegmentor(backbone=tiny_resnet, decode_head=head, test_cfg=dict(image_evidence=weight))
    with pytest.raises(ValueError, match="image_evidence is a number, 0 or more"):
        PixelAttentionHead(8, image_evidence=weight)


def test_an_unusable_refinement_is_an_error_from_the_start(tiny_resnet):
    with pytest.raises(ValueError, match="short_side >= 8"):
        LUSSSegmentor(
            tiny_resnet,
            dict(type="LinearHead", num_classes=3),
            test_cfg=dict(refine=dict(type="GrabCut", short_side=2)),
        )
