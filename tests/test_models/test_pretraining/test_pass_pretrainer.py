# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import pytest
import torch
import torch.nn.functional as F

from mmluss.models import PASSPretrainer
from mmluss.models.pretraining.losses import deep_to_shallow_loss, image_to_image_loss, pixel_to_pixel_loss
from mmluss.models.pretraining.sinkhorn import sinkhorn

LITE0 = dict(type="mmpretrain.TIMMBackbone", model_name="tf_efficientnet_lite0", features_only=True)


@pytest.fixture
def build(tiny_resnet):
    def build(**changes) -> PASSPretrainer:
        settings = dict(backbone=tiny_resnet, hidden_channels=12, embedding_dim=6, num_prototypes=10) | changes
        return PASSPretrainer(**settings)

    return build


def inputs(batch: int = 4, sizes: tuple[int, ...] = (64, 64, 32)) -> tuple[list[torch.Tensor], torch.Tensor]:
    return [torch.randn(batch, 3, size, size) for size in sizes], torch.rand(batch, 2, 7, 7, 2) * 2 - 1


@pytest.mark.parametrize(
    ("stages", "weights"), [([3], [1, 1]), ([3, 2], [1, 0.5, 2]), ([2, 3], [1, 0.5, 2]), ([], [1]), ([], [1, 1])]
)
def test_loss_is_the_weighted_mean_of_its_parts(build, stages, weights):
    model = build(shallow_stages=stages, loss_weights=weights)
    losses = model.loss(*inputs())
    parts = [losses["i2i"], *(losses[f"d2s_stage{stage}"] for stage in stages)]
    expected = sum(w * part for w, part in zip(weights, parts, strict=False)) / sum(weights) + losses["p2p"]
    torch.testing.assert_close(losses["loss"].detach(), expected)
    assert set(losses) == {
        "loss", "i2i", "p2p", "assignment_entropy", "prototypes_in_use", *(f"d2s_stage{stage}" for stage in stages)
    }  # fmt: skip
    losses["loss"].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert [name for name, value in losses.items() if value.requires_grad] == ["loss"]


def test_all_convolutions_start_as_kaiming_has_it(build):
    torch.manual_seed(0)
    model = build(shallow_stages=[3], loss_weights=[1, 1], hidden_channels=256)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.zeros_(module.weight)
    model.init_weights()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            expected = (2 / (module.out_channels * module.kernel_size[0] * module.kernel_size[1])) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.25), name


def test_shallow_stages_take_their_own_maps(build):
    model = build(shallow_stages=[3, 2], loss_weights=[1, 1, 1])
    widths = [branch.pixel.layers[0].in_channels for branch in model.shallow_projectors.values()]
    assert widths == [32, 16]
    _, maps = model.embed(inputs()[0])
    assert [tuple(feature_map.shape) for feature_map in maps] == [
        (8, 8, 16, 16), (8, 16, 8, 8), (8, 32, 4, 4), (8, 64, 2, 2)
    ]  # fmt: skip


def test_parts_follow_the_definition(build):
    model = build().eval()
    crops, grid = inputs()
    losses = model.loss(crops, grid)
    with torch.no_grad():
        maps = [model.backbone(crop) for crop in crops]
        scores = [
            F.linear(F.normalize(model.projector(m[-1].mean(dim=(2, 3))), dim=1), model.prototypes.weight) for m in maps
        ]
        targets = [sinkhorn(scores[crop], 0.05, 3) for crop in range(2)]
        shallow = [
            F.linear(F.normalize(model.shallow_projectors["stage3"](m[-2]), dim=1), model.prototypes.weight)
            for m in maps[:2]
        ]
        pixels = [
            F.grid_sample(model.pixel_projector(maps[crop][-1]), grid[:, crop], align_corners=False) for crop in (0, 1)
        ]
        predictions = [model.pixel_predictor(embedding) for embedding in pixels]
    torch.testing.assert_close(losses["i2i"], image_to_image_loss(targets, scores))
    torch.testing.assert_close(losses["d2s_stage3"], deep_to_shallow_loss(targets, shallow))
    torch.testing.assert_close(losses["p2p"], pixel_to_pixel_loss(predictions, pixels))


def test_crops_of_equal_size_share_a_batch(build):
    model = build()
    batches = []
    model.backbone.register_forward_pre_hook(lambda module, args: batches.append(tuple(args[0].shape)))
    embeddings, _ = model.embed(inputs(sizes=(64, 64, 32, 32, 48))[0])
    assert batches == [(8, 3, 64, 64), (8, 3, 32, 32), (4, 3, 48, 48)]
    assert embeddings.shape == (20, 6)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(20))


def test_d2s_gives_prototypes_no_gradient(build):
    model = build(loss_weights=[0, 1])
    model.loss(*inputs())["loss"].backward()
    assert float(model.prototypes.weight.grad.abs().sum()) == 0
    assert float(model.shallow_projectors["stage3"].image.layers[0].weight.grad.abs().sum()) > 0


def test_frozen_prototypes_get_a_zero_gradient(build):
    model = build()
    model.prototypes.frozen = True
    model.loss(*inputs())["loss"].backward()
    assert torch.equal(model.prototypes.weight.grad, torch.zeros_like(model.prototypes.weight))


def test_queue_fills_and_its_checkpoint_resumes(build):
    model = build(queue=dict(length=9))
    model.queue.active = True
    crops, grid = inputs()
    for _ in range(2):
        model.loss(crops, grid)
    assert model.queue.rows(0, 4).shape == (8, 6)
    resumed = build(queue=dict(length=9))
    resumed.load_state_dict(model.state_dict())
    resumed.queue.active = True
    torch.manual_seed(1)
    first = model.loss(crops, grid)
    torch.manual_seed(1)
    second = resumed.loss(crops, grid)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(model.queue.embeddings, resumed.queue.embeddings)


@pytest.mark.parametrize(("stages", "weights"), [([3], [1, 1]), ([3, 2], [1, 1, 1])])
def test_timm_backbone(build, stages, weights):
    model = build(backbone=LITE0, shallow_stages=stages, loss_weights=weights)
    widths = [branch.pixel.layers[0].in_channels for branch in model.shallow_projectors.values()]
    assert widths == [112, 40][: len(stages)]
    assert torch.isfinite(model.loss(*inputs(batch=2))["loss"])


def test_vision_transformer_backbone(build):
    vit = dict(
        type="mmpretrain.VisionTransformer",
        arch=dict(embed_dims=16, num_layers=4, num_heads=2, feedforward_channels=32),
        img_size=64,
        patch_size=16,
        out_type="featmap",
        out_indices=[1, 2, 3],
    )
    model = build(backbone=vit)
    assert torch.isfinite(model.loss(*inputs(batch=2))["loss"])


def test_modes(build):
    model = build()
    crops, grid = inputs()
    assert "loss" in model(dict(crops=crops, grid=grid), mode="loss")
    assert [m.shape[1] for m in model(crops[0], mode="tensor")] == [8, 16, 32, 64]
    with pytest.raises(ValueError, match="Pretraining has no mode 'predict'"):
        model(crops[0], mode="predict")


def test_too_few_weights_are_refused(build):
    with pytest.raises(ValueError, match=re.escape("one for each of the 2 shallow stages, got [1, 1].")):
        build(shallow_stages=[3, 2], loss_weights=[1, 1])


@pytest.mark.parametrize("stage", [0, 5])
def test_stage_that_the_backbone_does_not_return_is_refused(build, stage):
    with pytest.raises(ValueError, match=f"Stage {stage} is not among the 4 feature maps of ResNet"):
        build(shallow_stages=[stage])


def test_twenty_gradient_steps_lower_the_loss(build):
    torch.manual_seed(0)
    model = build(num_prototypes=16)
    crops, grid = inputs(batch=8, sizes=(64, 64))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    values = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = model.loss(crops, grid)["loss"]
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < values[0] - 0.05


def test_pooled_features_are_the_embeddings_without_a_projector(build):
    model = build(image_projector=False).eval()
    crop = torch.randn(4, 3, 64, 64)
    expected = F.normalize(model.backbone(crop)[-1].mean(dim=(2, 3)), dim=1)
    torch.testing.assert_close(model.crop_embeddings(crop), expected)
    assert model.prototypes.weight.shape == (10, 64)
    model.train().loss(*inputs())["loss"].backward()


def test_without_pixel_alignment_there_are_no_pixel_layers(build):
    model = build(pixel_alignment=False, shallow_stages=[3], loss_weights=[1, 3])
    assert not [name for name, _ in model.named_parameters() if name.startswith("pixel_")]
    losses = model.loss(*inputs())
    assert "p2p" not in losses
    torch.testing.assert_close(losses["loss"].detach(), (losses["i2i"] + 3 * losses["d2s_stage3"]) / 4)
    losses["loss"].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_large_crops_of_two_sizes_are_refused(build):
    crops, grid = inputs(batch=2, sizes=(64, 32, 32))
    with pytest.raises(ValueError, match=r"one size, not \(64, 64\) and \(32, 32\)"):
        build().loss(crops, grid)
