# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
import torch.nn.functional as F
from mmseg.structures import SegDataSample

from mmluss.models import PASSPretrainer, PixelAttentionSegmentor
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels
from mmluss.models.pretraining.losses import image_to_image_loss
from mmluss.models.pretraining.sinkhorn import sinkhorn

SIZES = dict(hidden_channels=12, embedding_dim=6, num_prototypes=10)


@pytest.fixture
def build(tiny_resnet):
    def build(**changes) -> PixelAttentionSegmentor:
        return PixelAttentionSegmentor(**(dict(backbone=tiny_resnet, **SIZES) | changes))

    return build


def crops(count: int = 2) -> dict[str, list[torch.Tensor]]:
    return dict(crops=[torch.randn(4, 3, 64, 64) for _ in range(count)])


def test_only_attention_and_prototypes_are_trained(build):
    model = build()
    model.loss(crops())["loss"].backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, _ in model.named_parameters() if name.startswith(("decode_head.", "prototypes."))}


def test_projector_can_be_trained_too(build):
    model = build(train_projector=True)
    model.loss(crops())["loss"].backward()
    assert all(parameter.grad is not None for parameter in model.projector.parameters())


def test_running_statistics_of_frozen_parts_move(build):
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.loss(crops())
    # The threshold is NaN, which equals nothing.
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved - {"prototypes.weight", "decode_head.threshold"} == {
        name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }


def test_loss_is_the_definition(build):
    model = build().eval()
    inputs = crops()
    losses = model.loss(inputs)
    with torch.no_grad():
        pooled = [model.decode_head.attended_embeddings(model.backbone(crop)[-1]) for crop in inputs["crops"]]
        scores = [F.linear(F.normalize(model.projector(p), dim=1), model.prototypes.weight) for p in pooled]
        expected = image_to_image_loss([sinkhorn(score, 0.05, 3) for score in scores], scores)
    torch.testing.assert_close(losses["loss"].detach(), expected)
    assert set(losses) == {"loss", "i2i", "assignment_entropy", "prototypes_in_use"}


def test_image_embeddings(build):
    model, images, saliency = build().eval(), torch.randn(2, 3, 64, 96), torch.rand(2, 1, 64, 96)
    with torch.no_grad():
        feature_map = model.backbone(images)[-1]
        for weights in (None, saliency):
            embeddings = model.image_embeddings(images, weights)
            expected = F.normalize(model.decode_head.cluster_embeddings(feature_map, weights), dim=1)
            torch.testing.assert_close(embeddings, expected)
    assert embeddings.shape == (2, 64)
    assert embeddings.dtype == torch.float32


def test_predictions(build):
    model, images = build().eval(), torch.randn(2, 3, 64, 96)
    model.decode_head.set_centroids(torch.randn(9, 64), 0.5)
    sizes = [(70, 110), (30, 41)]
    samples = [SegDataSample(metainfo=dict(ori_shape=size)) for size in sizes]
    with torch.no_grad():
        predicted = model.predict(images, samples)
        clusters, scores = model.pixel_scores(images)
    assert clusters.shape == scores.shape == (2, 8, 12)
    for index, (sample, size) in enumerate(zip(predicted, sizes, strict=True)):
        label, score = resize_pixel_labels(clusters[index], scores[index], size, 0.5)
        cluster, _ = resize_pixel_labels(clusters[index], scores[index], size, None)
        assert torch.equal(sample.pred_sem_seg.data, label[None])
        assert torch.equal(sample.pred_cluster.data, cluster[None])
        torch.testing.assert_close(sample.foreground_score.data, score[None])
    assert 0 < float((predicted[0].pred_sem_seg.data == 0).float().mean()) < 1


def test_size_of_the_input_without_samples(build):
    model = build().eval()
    model.decode_head.set_centroids(torch.randn(9, 64), 0.5)
    with torch.no_grad():
        (predicted,) = model.predict(torch.randn(1, 3, 64, 96))
    assert predicted.pred_sem_seg.data.shape == (1, 64, 96)


def test_prediction_needs_centroids(build):
    with pytest.raises(RuntimeError, match="holds no centroids"):
        build().eval().predict(torch.randn(1, 3, 64, 64))


def test_starts_from_a_pretraining_checkpoint(build, tiny_resnet, tmp_path):
    pretrainer = PASSPretrainer(backbone=tiny_resnet, **SIZES)
    torch.save(dict(state_dict=pretrainer.state_dict()), tmp_path / "pretrain.pth")
    model = build(pretrained=str(tmp_path / "pretrain.pth"))
    model.init_weights()
    own, stored = model.state_dict(), pretrainer.state_dict()
    for name in own:
        if name.startswith(("backbone.", "projector.", "prototypes.")):
            assert torch.equal(own[name], stored[name]), name


def test_twenty_gradient_steps_lower_the_loss(build):
    model, inputs = build(num_prototypes=16), crops()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5, momentum=0.9)
    values = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = model.loss(inputs)["loss"]
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < values[0] - 0.05


def test_attention_map_of_mmseg_s_interface(build):
    model, images = build().eval(), torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        attention = model.encode_decode(images, [])
        features, full = model(images, mode="tensor")
    assert features.shape == full.shape == (1, 64, 8, 12)
    torch.testing.assert_close(attention, full.mean(dim=1, keepdim=True))


def test_attended_features_are_the_embeddings_without_a_projector(build, tiny_resnet, tmp_path):
    pretrainer = PASSPretrainer(tiny_resnet, **SIZES, image_projector=False)
    torch.save(dict(state_dict=pretrainer.state_dict()), tmp_path / "pretrain.pth")
    model = build(image_projector=False, pretrained=str(tmp_path / "pretrain.pth"))
    model.init_weights()
    torch.testing.assert_close(model.prototypes.weight, pretrainer.prototypes.weight)
    crop = torch.randn(4, 3, 64, 64)
    model.eval()
    expected = F.normalize(model.decode_head.attended_embeddings(model.extract_feat(crop)), dim=1)
    torch.testing.assert_close(model.crop_embeddings(crop), expected)
