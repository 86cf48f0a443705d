# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A model as one file: the labels are PyTorch's, whatever the head, backbone and size of photo."""

import builtins
import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from skimage import data

from mmluss import Segmenter
from mmluss.apis.results.cluster_names import ClusterNames
from mmluss.apis.segmenting.model_export import export_model, left_out_of, load_model_file, photo_network
from mmluss.checkpoints.efficientnet_lite0 import efficientnet_lite0_to_timm, installed_efficientnet_lite0
from mmluss.cli.main import main
from tests.helpers.small_runs import small_config

SEMI, PASS, SHARP = "semi/fcn_{}.py", "pass/pass-{}.py", "pass-sharp/pass-sharp-{}.py"
FINETUNE = SHARP.format("finetune_efficientnet-lite0_1xb32-6e_flowers15")
ANY_SIZE = [
    SEMI.format("r50-d16_8xb32-100e_imagenets50"),
    SEMI.format("convnext-t_8xb32-100e_imagenets50"),
    SEMI.format("rf-convnext-t-multiple_8xb32-100e_imagenets50"),
    PASS.format("pixel-attention_r18_8xb32-20e_imagenets50"),
    SHARP.format("pixel-attention_efficientnet-lite0_1xb32-7e_flowers15"),
    PASS.format("finetune_dino-vit-s16_8xb32-20e_imagenets50"),
    PASS.format("finetune_dinov2-vit-s14_8xb32-20e_imagenets50"),
    PASS.format("finetune_swin-t_8xb32-20e_imagenets50"),
]


def write_checkpoint(name: str, path: Path, **test_cfg) -> Path:
    """A checkpoint as training leaves it, of random weights but for an embedded EfficientNet."""
    init_default_scope("mmseg")
    torch.manual_seed(0)
    cfg: Config = small_config(name, path.parent, path.parent)
    cfg.model.test_cfg = dict(cfg.model.get("test_cfg") or {}) | test_cfg
    model = MODELS.build(cfg.model)
    if "efficientnet" in name:
        weights = torch.load(installed_efficientnet_lite0(), map_location="cpu", weights_only=True)
        model.backbone.load_state_dict(efficientnet_lite0_to_timm(weights), strict=False)
    if hasattr(getattr(model, "decode_head", None), "set_centroids"):
        model.decode_head.set_centroids(torch.randn(3, model.decode_head.centroids.shape[1]), 0.5)
    torch.save(dict(meta=dict(cfg=cfg.pretty_text), state_dict=model.state_dict()), path)
    return path


def twenty_photos() -> list[np.ndarray]:
    """Pieces of real photos in twenty sizes."""
    rng = np.random.default_rng(0)
    sources = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    photos = []
    for index in range(20):
        image = sources[index % len(sources)]
        height, width = rng.integers(70, 300), rng.integers(70, 400)
        top, left = rng.integers(0, image.shape[0] - height), rng.integers(0, image.shape[1] - width)
        photos.append(np.ascontiguousarray(image[top : top + height, left : left + width]))
    # One larger than what is labeled at full size.
    photos[-1] = cv2.resize(data.coffee(), (1300, 1000), interpolation=cv2.INTER_CUBIC)
    return photos


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return write_checkpoint(FINETUNE, tmp_path_factory.mktemp("checkpoint") / "last.pth", refine=None)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torchscript"])
def test_twenty_photos_get_pytorch_s_labels(checkpoint, form, tmp_path):
    written = export_model(checkpoint, form, tmp_path / "model.file")
    path = written.path.rename(written.path.with_suffix(".onnx" if form == "onnx" else ".pt"))
    labels, _ = load_model_file(path)
    segmenter = Segmenter(checkpoint, "cpu")
    network = photo_network(segmenter)
    seen = set()
    for photo in twenty_photos():
        found = labels(photo)
        seen |= set(np.unique(found))
        assert (found.dtype, found.shape) == (np.int32, photo.shape[:2])
        # Sums in another order round otherwise, which tips pixels where two labels tie.
        assert (found == network(torch.from_numpy(photo)).numpy()).mean() > 0.9999
        # The segmenter itself shrinks photos beyond 1024 pixels first.
        assert (found == segmenter(photo).label_map).mean() > 0.995
    assert len(seen) == 4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), zip(ANY_SIZE, ["onnx", "torchscript"] * len(ANY_SIZE), strict=False))
def test_every_head_and_backbone(name, form, tmp_path):
    path = write_checkpoint(name, tmp_path / "last.pth")
    written = export_model(path, form)
    assert written.path == tmp_path / ("last.onnx" if form == "onnx" else "last.pt")
    # With random weights scores hardly differ within a photo. Once relative, they magnify what rounding and another way
    # to resize leave, and so do labels where photos are named by their foreground.
    least = 0.9 if "sharp-pixel" in name else 0.99
    assert written.agreement > least and written.milliseconds > 0
    assert written.megabytes == pytest.approx(written.path.stat().st_size / 1e6)
    photo = twenty_photos()[1]
    segmenter = Segmenter(path, "cpu")
    segmenter.model.refine = None
    expected = segmenter(photo).label_map
    assert (load_model_file(written.path)[0](photo) == expected).mean() > least


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (SEMI.format("vit-s16-sere_8xb32-100e_imagenets50"), "ScaledPositionViT cannot be written"),
        ("distance_matching/knn_efficientnet-lite0_flowers15.py", "holds a backbone for distance matching"),
    ],
)
def test_what_cannot_be_written_is_said_before_a_file_is_there(name, reason, tmp_path):
    path = write_checkpoint(name, tmp_path / "last.pth")
    with pytest.raises(ValueError, match=reason):
        export_model(path, "torchscript")
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pth"]


def test_another_test_pipeline_is_refused(checkpoint):
    segmenter = Segmenter(checkpoint, "cpu")
    segmenter.pipeline.transforms[0].backend = "cv2"
    with pytest.raises(ValueError, match="not a test pipeline of ResizeEdge, PackSegInputs"):
        photo_network(segmenter)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torchscript"])
def test_names_are_in_the_file_and_merges_in_its_labels(checkpoint, form, tmp_path, monkeypatch):
    names = ClusterNames(("other", "cat", "mug", "tomcat"), np.array([0, 1, 2, 1]))
    monkeypatch.setattr("mmluss.apis.segmenting.segmenter._stored_names", lambda *_: names)
    written = export_model(checkpoint, form, tmp_path / f"model.{'onnx' if form == 'onnx' else 'pt'}")
    labels, facts = load_model_file(written.path)
    assert facts["names"] == ["other", "cat", "mug", "tomcat"] and facts["left_out"] == []
    found = np.concatenate([np.unique(labels(photo)) for photo in twenty_photos()[:6]])
    assert set(found) <= {0, 1, 2} and 1 in found


@pytest.mark.slow
def test_command_prints_size_time_and_what_is_left_out(tmp_path, capsys):
    path = write_checkpoint(FINETUNE, tmp_path / "last.pth")
    main(["export-model", str(path), "--format", "onnx", "--to", str(tmp_path / "new" / "model.onnx")])
    shown = " ".join(capsys.readouterr().err.split())
    assert "left out: GrabCut refinement (test_cfg.refine)" in shown
    assert "model.onnx: 11." in shown and " MB, " in shown and " ms for a photo of 640 x 480 pixels" in shown
    # Read by an independent program.
    session = onnxruntime.InferenceSession(tmp_path / "new" / "model.onnx", providers=["CPUExecutionProvider"])
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["names"]) == ["other", "cluster 1", "cluster 2", "cluster 3"]
    assert "GrabCut" in json.loads(properties["left_out"])[0]
    assert len(left_out_of(Segmenter(path, "cpu"))) == 1


def test_a_missing_package_is_named(checkpoint, monkeypatch):
    ordinary = builtins.__import__

    def without_onnx(name, *args, **kwargs):
        if name == "onnx":
            raise ImportError("no", name=name)
        return ordinary(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(RuntimeError, match=r"onnx is missing; .*pip install 'mmluss\[export\]'"):
        export_model(checkpoint, "onnx")


def test_unknown_format_is_refused(checkpoint):
    with pytest.raises(ValueError, match="'tflite'; known are onnx, torchscript"):
        export_model(checkpoint, "tflite")
