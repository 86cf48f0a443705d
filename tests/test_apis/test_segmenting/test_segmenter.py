# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.apis import inference_model, init_model, show_result_pyplot
from mmseg.structures import SegDataSample
from PIL import Image
from skimage import data

from mmluss.apis.discovery.run_results import apply_names
from mmluss.apis.results.cluster_names import ClusterNames
from mmluss.apis.results.run_folder import RunFolder
from mmluss.apis.segmenting.model_export import photo_network
from mmluss.apis.segmenting.segmenter import Segmenter, find_model, outline_polygons, thing_scores
from tests.helpers.finished_run import write_finished_run, write_photos
from tests.helpers.tiny_models import CLUSTERS, MODEL_KINDS, PIPELINE, write_tiny_checkpoint

KINDS = [kind for kind in MODEL_KINDS if kind != "distance matching"]
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
LOGIT_KINDS = [kind for kind in KINDS if kind != "pixel attention"]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return cv2.resize(data.chelsea(), (180, 120), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def segmenters(tiny_checkpoint) -> dict[str, Segmenter]:
    return {kind: Segmenter(tiny_checkpoint(kind), device="cpu") for kind in KINDS}


def network_input(photo: np.ndarray) -> torch.Tensor:
    """What the test pipeline and the preprocessor make of a photo, step by step."""
    height, width = photo.shape[:2]
    small = Image.fromarray(photo).resize((round(96 * width / height), 96), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).float()[None]
    mean, std = (
        torch.tensor(values)[None, :, None, None] for values in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    )
    return (pixels - mean) / std


@pytest.mark.parametrize("kind", KINDS)
def test_every_thing_has_a_score_and_an_outline(segmenters, photo, kind):
    result = segmenters[kind](photo)
    assert result.label_map.shape == photo.shape[:2] and result.label_map.dtype == np.int64
    ids = set(np.unique(result.label_map).tolist()) - {0}
    assert ids and set(result.scores) == set(result.ids) == set(result.outlines) == ids
    assert all(0 < score < 1 for score in result.scores.values())
    assert result.categories == [f"cluster {id_}" for id_ in result.ids]
    sizes = [(result.label_map == id_).sum() for id_ in result.ids]
    assert sizes == sorted(sizes, reverse=True)
    if kind == "one category":
        assert len(ids) == 1


@pytest.mark.parametrize("kind", ["linear", "pixel shuffle"])
@torch.no_grad()
def test_score_is_the_mean_probability_of_the_thing_s_pixels(segmenters, photo, kind):
    segmenter = segmenters[kind]
    result = segmenter(photo)
    model = segmenter.model
    probability = model.decode_head(model.backbone(network_input(photo))).softmax(dim=1)
    # Every pixel takes the value of the position that it lies in: 36 times as many pixels make the edges exact enough.
    fine = torch.nn.functional.interpolate(probability, size=(720, 1080), mode="nearest")[0].numpy()
    labels = np.kron(result.label_map, np.ones((6, 6), np.int64))
    for id_ in result.ids:
        assert result.scores[id_] == pytest.approx(fine[id_][labels == id_].mean(), abs=0.01)


@torch.no_grad()
def test_score_of_pixel_attention_is_the_foreground_score(segmenters, photo):
    segmenter = segmenters["pixel attention"]
    result = segmenter(photo)
    _, score = segmenter.model.pixel_scores(network_input(photo))
    resized = torch.nn.functional.interpolate(score[None], size=photo.shape[:2], mode="bilinear")[0, 0].numpy()
    assert len(result.scores) > 1
    for id_ in result.ids:
        assert result.scores[id_] == pytest.approx(resized[result.label_map == id_].mean(), abs=1e-3)
        assert result.scores[id_] > 0.5


@pytest.mark.parametrize("kind", LOGIT_KINDS)
def test_merged_and_dropped_clusters_score_as_what_they_count_as(segmenters, photo, kind, tmp_path):
    table = tmp_path / "names.csv"
    table.write_text("id,name,merge_into,drop\n1,fur,,\n2,,1,\n3,,1,\n4,wall,,x\n")
    before = segmenters[kind](photo)
    merged = Segmenter(segmenters[kind].checkpoint, "cpu", names=table)(photo)
    np.testing.assert_array_equal(merged.label_map > 0, np.isin(before.label_map, [1, 2, 3]))
    assert merged.categories == ["fur"] and list(merged.scores) == [1]
    assert merged.scores[1] >= max(before.scores[id_] for id_ in (1, 2, 3) if id_ in before.scores) - 1e-6


def test_thing_scores_by_hand():
    logits = torch.log(torch.tensor([[[0.1, 0.2]], [[0.6, 0.3]], [[0.3, 0.5]]]))
    sample = SegDataSample(head_logits=PixelData(data=logits))
    labels = np.array([[1, 1, 2, 2], [1, 1, 2, 0]])
    assert thing_scores(sample, labels, np.arange(3)) == pytest.approx({1: 0.6, 2: 0.5})
    assert thing_scores(sample, np.minimum(labels, 1), np.array([0, 1, 1])) == pytest.approx(
        {1: (4 * 0.9 + 3 * 0.8) / 7}
    )
    # A thing of one pixel, which no position of the head has as its nearest one.
    assert thing_scores(sample, np.array([[0, 1, 0, 0]]), np.arange(3)) == pytest.approx({1: 0.6})
    assert thing_scores(sample, np.zeros((2, 4), int), np.arange(3)) == {}
    with pytest.raises(ValueError, match="neither logits nor a foreground score"):
        thing_scores(SegDataSample(), labels, np.arange(3))


def test_distance_matching_has_no_model_of_its_own(tiny_checkpoint):
    with pytest.raises(ValueError, match=r"matching\.pth holds a backbone .* give a checkpoint of fine-tuning"):
        Segmenter(tiny_checkpoint("distance matching"))


def test_names_come_from_the_checkpoint_where_they_fit(tmp_path, photo):
    classes = ["other", "rose", "tulip", "daisy", "lily"]
    named = write_tiny_checkpoint(tmp_path / "named.pth", "linear", dict(classes=classes))
    assert Segmenter(named, "cpu").names.names == tuple(classes)
    unnamed = write_tiny_checkpoint(tmp_path / "unnamed.pth", "linear", dict(classes=classes[:3]))
    assert Segmenter(unnamed, "cpu").names.names == ClusterNames.default(CLUSTERS).names


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_checkpoint) -> RunFolder:
    """A run with a merged and a dropped cluster, each of which is in the photo."""
    photos = tmp_path_factory.mktemp("photos")
    write_photos(photos)
    folder = write_finished_run(photos, tmp_path_factory.mktemp("out"), tiny_checkpoint("linear"))
    folder.names_file.write_text("id,name,merge_into,drop\n1,fur,,\n2,wall,,\n3,,1,\n4,,,x\n")
    apply_names(folder)
    return folder


def test_a_checkpoint_has_the_merges_and_drops_of_its_run(finished, segmenters, photo):
    assert set(segmenters["linear"](photo).ids) == {1, 3, 4}
    of_folder, of_file = (Segmenter(source, "cpu") for source in (finished.out, finished.out / "model.pth"))
    assert of_file.names.targets.tolist() == of_folder.names.targets.tolist() == [0, 1, 2, 1, 0]
    assert of_file.names.classes == of_folder.names.classes == ("other", "fur", "wall", "fur", "other")
    expected, found = of_folder(photo), of_file(photo)
    np.testing.assert_array_equal(found.label_map, expected.label_map)
    assert found.scores == expected.scores and found.ids == [1]
    exported = photo_network(of_file)(torch.from_numpy(photo)).numpy()
    assert (exported == expected.label_map).mean() > 0.99 and set(np.unique(exported)) == {0, 1}


def test_results_need_no_steps(finished, photo, tmp_path):
    out = Path(shutil.copytree(finished.out, tmp_path / "out"))
    shutil.rmtree(out / "work")
    assert find_model(out) == (out / "model.pth", out / "clusters.csv")
    (out / "clusters.csv").write_text("id,name\n1,coat\n")
    assert Segmenter(out, "cpu").names.classes == ("other", "coat", "cluster 2", "cluster 3", "cluster 4")
    (out / "clusters.csv").unlink()
    assert Segmenter(out, "cpu").names.classes == ("other", "fur", "wall", "fur", "other")
    (out / "model.pth").unlink()
    with pytest.raises(FileNotFoundError, match="holds no finished training"):
        find_model(out)


def test_mmseg_takes_a_checkpoint_with_merges_and_drops(finished, photo, tmp_path):
    checkpoint = finished.out / "model.pth"
    cfg = Segmenter(checkpoint, "cpu").cfg
    cfg.test_pipeline, cfg.visualizer = PIPELINE, dict(type="SegLocalVisualizer", vis_backends=[])
    model = init_model(cfg, str(checkpoint), "cpu")
    drawn = show_result_pyplot(model, photo, inference_model(model, photo), show=False)
    assert drawn.shape == photo.shape and model.dataset_meta["classes"] == ("other", "fur", "wall", "fur", "other")


PART = "dict(type='os.mkdir', path='ran')"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import os; os.mkdir('ran')", r"not plain data \(line \d+: import os\)"),
        ("made = __import__('os').mkdir('ran')", "not plain data"),
        (f"model = dict(type='LUSSSegmentor', backbone={PART}, decode_head=dict())", "names os.mkdir, which is not"),
        (f"test_dataloader = dict(dataset=dict(pipeline=[{PART}]))", "names os.mkdir, which is not registered"),
    ],
)
def test_a_config_runs_no_code(tiny_checkpoint, line, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = torch.load(tiny_checkpoint("linear"), weights_only=True)
    checkpoint["meta"]["cfg"] += f"\n{line}\n"
    torch.save(checkpoint, "evil.pth")
    with pytest.raises(ValueError, match=rf"^evil\.pth: .*{reason}"):
        Segmenter("evil.pth")
    assert not Path("ran").exists()


def test_a_stream_goes_on_past_what_cannot_be_read(segmenters, photo, tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(12)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), np.roll(photo, 9 * index, axis=1)[..., ::-1])
    paths[3].write_bytes(b"")
    found = list(segmenters["linear"].stream(paths, threads=3))
    assert [path for path, _ in found] == paths
    assert isinstance(found[3][1], ValueError) and "3.png" in str(found[3][1])
    for index in (0, 4, 11):
        np.testing.assert_array_equal(found[index][1].photo, np.roll(photo, 9 * index, axis=1))
        np.testing.assert_array_equal(found[index][1].label_map, segmenters["linear"](paths[index]).label_map)


def test_device_is_where_the_model_is(tiny_checkpoint):
    assert Segmenter(tiny_checkpoint("linear"), device="cpu").device == torch.device("cpu")
    with pytest.raises(RuntimeError, match="nodevice"):
        Segmenter(tiny_checkpoint("linear"), device="nodevice")


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 4), (0, 60, 3), (1, 40, 60, 3)])
def test_an_array_is_a_photo_or_an_error(tiny_checkpoint, shape):
    segmenter = Segmenter(tiny_checkpoint("pixel shuffle"))
    with pytest.raises(ValueError, match=r"a photo is \(H, W, 3\) uint8 RGB with a pixel or more, not"):
        segmenter(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="float32"):
        segmenter(np.zeros((40, 60, 3), np.float32))


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is no checkpoint, and no folder"):
        find_model(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"run\.json is not in it"):
        find_model(tmp_path)
    torch.save(dict(state_dict={}), tmp_path / "bare.pth")
    with pytest.raises(ValueError, match=r"bare\.pth does not hold its config"):
        Segmenter(tmp_path / "bare.pth")


def test_outlines_enclose_the_mask():
    mask = np.zeros((40, 50), bool)
    mask[2:8, 3:9] = mask[20:38, 10:40] = True
    mask[25:30, 20:30] = False
    polygons = outline_polygons(mask)
    assert [len(polygon) for polygon in polygons] == [4, 4]
    assert polygons[0].min(axis=0).tolist() == [10, 20] and polygons[0].max(axis=0).tolist() == [39, 37]
    drawn = cv2.fillPoly(np.zeros(mask.shape, np.uint8), polygons, 1).astype(bool)
    mask[25:30, 20:30] = True
    np.testing.assert_array_equal(drawn, mask)


def test_a_table_of_names_that_is_not_there_is_an_error(finished, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"typo\.csv: no such table of names"):
        Segmenter(finished.out, names=tmp_path / "typo.csv")
