# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import doctest

import pytest
import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmluss.models import ClassActivationSegmentor, class_activation
from mmluss.models.class_activation import class_activation_maps

HEAD = dict(
    type="mmpretrain.LinearClsHead", num_classes=3, in_channels=64, loss=dict(type="mmpretrain.CrossEntropyLoss")
)


@pytest.fixture
def build(tiny_resnet):
    def build(**changes) -> ClassActivationSegmentor:
        torch.manual_seed(0)
        return ClassActivationSegmentor(**(dict(backbone=tiny_resnet, head=HEAD) | changes)).eval()

    return build


def samples(*categories: int, size: tuple[int, int] = (80, 60)) -> list[SegDataSample]:
    return [SegDataSample(metainfo=dict(ori_shape=size, category=c, img_path=f"{c}.jpg")) for c in categories]


def test_example():
    assert doctest.testmod(class_activation).attempted > 0
    assert doctest.testmod(class_activation).failed == 0


def test_maps_by_loops():
    torch.manual_seed(0)
    features, weights = torch.randn(2, 5, 3, 4), torch.randn(2, 5)
    found = class_activation_maps(features, weights)
    for image in range(2):
        evidence = [[max(float(features[image, :, y, x] @ weights[image]), 0) for x in range(4)] for y in range(3)]
        largest = max(map(max, evidence))
        torch.testing.assert_close(found[image], torch.tensor(evidence) / largest)


def test_no_evidence_is_nowhere():
    assert class_activation_maps(torch.ones(1, 2, 3, 3), -torch.ones(1, 2)).eq(0).all()


@pytest.mark.parametrize("threshold", [0.2, 0.995])
def test_label_of_the_folder_where_the_map_reaches_the_threshold(build, threshold):
    model = build(image_labels=True, threshold=threshold)
    found = model.predict(torch.randn(2, 3, 64, 64), samples(3, 1))
    for sample, category in zip(found, (3, 1), strict=True):
        score, label = sample.foreground_score.data, sample.pred_sem_seg.data
        assert label.shape == score.shape == (1, 80, 60) and label.dtype == torch.int64
        assert torch.equal(label, torch.where(score >= threshold, category, 0))
        assert set(sample.pred_cluster.data.unique().tolist()) == {category}
        assert (label > 0).any() and (threshold < 0.9 or (label == 0).any())


def test_classifier_names_images_without_label(build):
    model = build()
    images = torch.randn(4, 3, 64, 64)
    expected = model._forward(images).argmax(dim=1) + 1
    found = model.predict(images, samples(0, 0, 0, 0))
    assert [int(sample.pred_cluster.data.max()) for sample in found] == expected.tolist()
    assert model.predict(images)[0].pred_sem_seg.data.shape == (1, 64, 64)


def test_scores_of_classes_are_the_classifier_s(build, tiny_resnet):
    classifier = MODELS.build(
        dict(
            type="mmpretrain.ImageClassifier",
            data_preprocessor=dict(type="mmpretrain.ClsDataPreprocessor"),
            backbone=tiny_resnet,
            neck=dict(type="mmpretrain.GlobalAveragePooling"),
            head=HEAD,
        )
    ).eval()
    model = build()
    model.load_state_dict(classifier.state_dict())
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model._forward(images), classifier(images, mode="tensor"))
    torch.testing.assert_close(
        model.encode_decode(images, []).mean(dim=(2, 3)) + model.head.fc.bias, model._forward(images)
    )


def test_image_without_its_label_is_named(build):
    with pytest.raises(ValueError, match=r"0\.jpg: comes without the category"):
        build(image_labels=True).predict(torch.randn(2, 3, 64, 64), samples(2, 0))


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_threshold_out_of_range_is_refused(build, threshold):
    with pytest.raises(ValueError, match=r"threshold is in 0\.\.1, not"):
        build(threshold=threshold)


def test_it_is_not_trained(build):
    with pytest.raises(NotImplementedError, match="Train the classifier"):
        build().loss(torch.randn(1, 3, 64, 64), samples(1))
