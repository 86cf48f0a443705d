# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import numpy as np
import pytest
import torch

from mmluss.models import PASSPretrainer

from .published_networks import (
    DEEP,
    RESNET,
    Backbone,
    FineTuned,
    PixelAttention,
    Pretrained,
    SemiSupervised,
    as_file,
    randomize,
)

TOOL = "pass_to_mmluss.py"


def save(path, network) -> str:
    torch.save(as_file(network), path)
    return str(path)


def load(path) -> dict:
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("build", [Pretrained, PixelAttention, FineTuned])
def test_there_and_back_again(build, tmp_path, run_converter):
    published = save(tmp_path / "published.pth", randomize(build()))
    run_converter(TOOL, published, tmp_path / "ours.pth")
    run_converter(TOOL, "--reverse", tmp_path / "ours.pth", tmp_path / "back.pth")
    before, after = load(published)["state_dict"], load(tmp_path / "back.pth")["state_dict"]
    assert list(before) == list(after)
    assert all(torch.equal(value, after[name]) and value.dtype == after[name].dtype for name, value in before.items())
    assert load(tmp_path / "ours.pth")["meta"]["source"] == "published.pth"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.pth", "ours.pth", "published.pth"]


def test_result_loads(tmp_path, run_converter):
    run_converter(TOOL, save(tmp_path / "published.pth", randomize(Pretrained())), tmp_path / "ours.pth")
    model = PASSPretrainer(backbone=RESNET, hidden_channels=16, embedding_dim=8, num_prototypes=20)
    model.load_state_dict(load(tmp_path / "ours.pth")["state_dict"])


def test_centroids_there_and_back_again(tmp_path, run_converter):
    centroids = np.random.default_rng(0).standard_normal((9, DEEP)).astype(np.float32)
    np.save(tmp_path / "centroids.npy", centroids)
    published = save(tmp_path / "published.pth", randomize(PixelAttention()))
    ours = tmp_path / "ours.pth"
    run_converter(TOOL, published, ours, "--centroids", tmp_path / "centroids.npy", "--threshold", 0.41)
    assert float(load(ours)["state_dict"]["decode_head.threshold"]) == pytest.approx(0.41)
    run_converter(TOOL, "--reverse", ours, tmp_path / "back.pth", "--centroids", tmp_path / "back.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "back.npy"), centroids)


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (
            Pretrained,
            ["--expect", "finetune"],
            "x.pth: is a published PASS pretraining checkpoint; a published PASS fine-tuned checkpoint is expected",
        ),
        (
            Pretrained,
            ["--expect", "finetune", "--reverse"],
            "x.pth: is a published PASS pretraining checkpoint; a segmentor checkpoint with a linear head is expected",
        ),
        (SemiSupervised, [], "x.pth: is a published semi-supervised ResNet checkpoint; a published PASS checkpoint"),
        (Backbone, [], "x.pth: is a bare ResNet; a published PASS checkpoint is expected"),
    ],
)
def test_wrong_files_are_refused(build, arguments, message, tmp_path, run_converter):
    published = save(tmp_path / "x.pth", build())
    with pytest.raises(ValueError, match=re.escape(message)):
        run_converter(TOOL, published, tmp_path / "out.pth", *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]


def test_incomplete_files_are_refused(tmp_path, run_converter):
    checkpoint = as_file(Pretrained())
    del checkpoint["state_dict"]["module.layer4.1.bn2.weight"]
    torch.save(checkpoint, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"x\.pth does not fit the model\. Missing: backbone\.layer4\.1\.bn2\.weight"):
        run_converter(TOOL, tmp_path / "x.pth", tmp_path / "out.pth")


def test_centroids_from_before_clustering_are_refused(tmp_path, run_converter):
    run_converter(TOOL, save(tmp_path / "x.pth", PixelAttention()), tmp_path / "ours.pth")
    with pytest.raises(ValueError, match=r"ours\.pth: holds no centroids: it is a checkpoint of PixelAttentionSegm"):
        run_converter(
            TOOL, "--reverse", tmp_path / "ours.pth", tmp_path / "back.pth", "--centroids", tmp_path / "c.npy"
        )
    assert not (tmp_path / "back.pth").exists()
