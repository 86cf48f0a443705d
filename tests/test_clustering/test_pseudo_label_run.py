# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import itertools
import json
import os
import pkgutil
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch.multiprocessing as mp

from mmluss.clustering import pseudo_label_run
from mmluss.clustering.image_batches import image_sizes
from mmluss.clustering.kmeans import kmeans
from mmluss.clustering.pseudo_label_run import PseudoLabelRun
from mmluss.clustering.saliency import pipeline_with_saliency
from mmluss.clustering.spectral import spectral_clusters
from mmluss.datasets.label_codec import read_label_map
from mmluss.models import GrabCut
from mmluss.models.pixel_attention.nearest_centroid import resize_pixel_labels
from tests.helpers.small_world import CATEGORIES, TEST_PIPELINE, SmallSegmentor, photos, small_settings
from tests.helpers.two_processes import run_in_two_processes


def labeling(photo_root: Path, folder: Path, model=None, validation=False, **changes) -> PseudoLabelRun:
    model = model or SmallSegmentor()
    others = photos(photo_root, "validation") if validation else None
    return PseudoLabelRun(model, photos(photo_root), folder, small_settings(**changes), others)


def outcome(folder: Path) -> dict[str, bytes]:
    """Content of everything that is to be the same in every run; seconds and the number of reused labels are not."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("pixel_labels/*/*.png")}
    manifest = json.loads((folder / "pixel_labels" / "manifest.json").read_text())
    for stage in ("clustering", "threshold", "labels"):
        del manifest[stage]["seconds"]
    del manifest["labels"]["reused"]
    return files | {
        "centroids": (folder / "centroids.npy").read_bytes(),
        "manifest": json.dumps(manifest, sort_keys=True).encode(),
    }


def test_sizes_of_images_are_read_once_for_the_same_data(photo_root, tmp_path, monkeypatch):
    data = tmp_path / "data"
    shutil.copytree(photo_root / "train", data / "train")
    read = []

    def read_sizes(dataset):
        read.append(len(dataset))
        return image_sizes(dataset)

    monkeypatch.setattr(pseudo_label_run, "image_sizes", read_sizes)
    first = labeling(data, tmp_path / "out").sizes
    assert read == [18] and first.shape == (18, 2)
    np.testing.assert_array_equal(labeling(data, tmp_path / "out").sizes, first)
    assert read == [18]
    path = sorted((data / "train").rglob("*.png"))[0]
    cv2.imwrite(str(path), cv2.imread(str(path))[:20, :16])
    changed = labeling(data, tmp_path / "out").sizes
    assert read == [18, 18] and changed[0].tolist() == [16, 20] and (changed[1:] == first[1:]).all()


@pytest.mark.parametrize("threshold", [0.45, "val", "otsu"])
def test_all_steps(photo_root, tmp_path, threshold):
    model = SmallSegmentor()
    manifest = labeling(photo_root, tmp_path, model, validation=True, threshold=threshold).run()
    assert len(list(tmp_path.glob("pixel_labels/*/*.png"))) == manifest["images"] == 18
    assert manifest == json.loads((tmp_path / "pixel_labels" / "manifest.json").read_text())
    centroids = np.load(tmp_path / "centroids.npy", allow_pickle=False)
    np.testing.assert_array_equal(model.decode_head.centroids.numpy(), centroids)
    assert float(model.decode_head.threshold) == pytest.approx(manifest["threshold"]["value"])
    assert manifest["clustering"]["accuracy"] == manifest["clustering"]["nmi"] == 1
    assert sum(manifest["clustering"]["images_of_cluster"]) == 18
    assert len(manifest["labels"]["pixels_of_label"]) == len(CATEGORIES) + 1
    if threshold == "val":
        assert manifest["threshold"]["validation_miou"] == max(manifest["threshold"]["miou_of_threshold"])
    elif threshold == "otsu":
        assert 0.4 < manifest["threshold"]["value"] < 0.6
    else:
        assert manifest["threshold"]["value"] == threshold
    if threshold != "val":
        histogram = manifest["threshold"]["histogram"]
        assert len(histogram) == 256 and sum(histogram) == pytest.approx(manifest["threshold"]["images"], abs=0.1) == 18
    assert model.training


def test_a_finished_run_is_not_repeated(photo_root, tmp_path):
    labeling(photo_root, tmp_path).run()
    before = outcome(tmp_path)
    model = SmallSegmentor()
    again = labeling(photo_root, tmp_path, model).run()
    assert model.forwards == 0
    assert model.decode_head.centroids.shape == (3, 6)
    assert again == json.loads((tmp_path / "pixel_labels" / "manifest.json").read_text())
    assert outcome(tmp_path) == before


@pytest.fixture(scope="module")
def uninterrupted(photo_root, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    labeling(photo_root, folder, validation=True, threshold="val").run()
    return outcome(folder)


@pytest.mark.parametrize("step", ["extract_embeddings", "kmeans", "find_threshold", "write_pixel_labels", "write_json"])
@pytest.mark.parametrize("after", [False, True])
def test_a_run_stopped_before_or_after_a_step_gives_the_same_in_the_end(
    photo_root, tmp_path, monkeypatch, uninterrupted, step, after
):
    work = getattr(pseudo_label_run, step)

    def stopped(*args, **kwargs):
        if after:
            work(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(pseudo_label_run, step, stopped)
    with pytest.raises(KeyboardInterrupt):
        labeling(photo_root, tmp_path, validation=True, threshold="val").run()
    monkeypatch.undo()
    labeling(photo_root, tmp_path, validation=True, threshold="val").run()
    assert outcome(tmp_path) == uninterrupted


def run_and_die(photo_root: Path, folder: Path, place: str, calls: int) -> None:
    module, _, name = place.rpartition(".")
    owner = pkgutil.resolve_name(module)
    work, count = getattr(owner, name), itertools.count(1)

    def killed(*args, **kwargs):
        if next(count) == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **kwargs)

    setattr(owner, name, killed)
    labeling(photo_root, folder, validation=True, threshold="val").run()


@pytest.mark.parametrize(
    ("place", "calls"),
    [
        ("mmluss.clustering.embeddings.EmbeddingFile.write", 3),
        ("mmluss.clustering.kmeans._one_restart", 2),
        ("mmluss.clustering.label_writing.write_label_map", 7),
    ],
)
@pytest.mark.slow
def test_a_killed_run_gives_the_same_in_the_end(photo_root, tmp_path, uninterrupted, place, calls):
    process = mp.get_context("spawn").Process(target=run_and_die, args=(photo_root, tmp_path, place, calls))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (tmp_path / "pixel_labels" / "manifest.json").exists()
    labeling(photo_root, tmp_path, validation=True, threshold="val").run()
    assert outcome(tmp_path) == uninterrupted


def test_half_written_label_maps_of_killed_processes_go(photo_root, tmp_path, uninterrupted):
    labeling(photo_root, tmp_path, validation=True, threshold="val").run()
    labels = sorted((tmp_path / "pixel_labels").rglob("*.png"))
    (tmp_path / "pixel_labels" / "manifest.json").unlink()
    labels[0].rename(labels[0].with_name(f".{2**22 + 1}-7-{labels[0].name}"))
    labeling(photo_root, tmp_path, validation=True, threshold="val").run()
    assert outcome(tmp_path) == uninterrupted


@pytest.mark.parametrize(
    "changes",
    [dict(threshold=0.55), dict(num_clusters=2), dict(crop_size=20), dict(seed=1, restarts=1), dict(dtype="float32")],
)
def test_labels_of_other_settings_are_replaced(photo_root, tmp_path, changes):
    labeling(photo_root, tmp_path / "changed").run()
    labeling(photo_root, tmp_path / "changed", **changes).run()
    labeling(photo_root, tmp_path / "new", **changes).run()
    assert outcome(tmp_path / "changed") == outcome(tmp_path / "new")


def test_labels_of_other_weights_are_replaced(photo_root, tmp_path):
    labeling(photo_root, tmp_path / "changed").run()
    labeling(photo_root, tmp_path / "changed", SmallSegmentor(seed=1)).run()
    labeling(photo_root, tmp_path / "new", SmallSegmentor(seed=1)).run()
    assert outcome(tmp_path / "changed") == outcome(tmp_path / "new")


def normalize_otherwise(root: Path, model: SmallSegmentor) -> None:
    model.data_preprocessor.mean += 20


def repaint(root: Path, model: SmallSegmentor) -> None:
    path = sorted((root / "train").rglob("*.*"))[0]
    cv2.imwrite(str(path), cv2.imread(str(path))[::-1] // 2)


@pytest.mark.parametrize("change", [normalize_otherwise, repaint])
def test_labels_of_other_pixels_are_replaced(photo_root, tmp_path, change):
    root = tmp_path / "photos"
    shutil.copytree(photo_root, root)
    labeling(root, tmp_path / "changed").run()
    model = SmallSegmentor()
    change(root, model)
    labeling(root, tmp_path / "changed", model).run()
    assert model.forwards > 0
    labeling(root, tmp_path / "new", model).run()
    assert outcome(tmp_path / "changed") == outcome(tmp_path / "new")


def test_the_record_may_be_deleted_afterwards(photo_root, tmp_path):
    labeling(photo_root, tmp_path).run()
    before = outcome(tmp_path)
    shutil.rmtree(tmp_path / "clustering")
    labeling(photo_root, tmp_path).run()
    assert outcome(tmp_path) == before


def test_saliency(photo_root, tmp_path):
    dataset = photos(
        photo_root, pipeline=pipeline_with_saliency(TEST_PIPELINE), saliency_root=str(photo_root / "saliency")
    )
    with_saliency = small_settings(use_saliency=True, threshold="otsu")
    manifest = PseudoLabelRun(SmallSegmentor(), dataset, tmp_path, with_saliency).run()
    assert manifest["settings"]["use_saliency"]
    assert 0.3 < manifest["threshold"]["value"] < 0.7


def run_process(rank: int, photo_root: Path, folder: Path) -> None:
    model = SmallSegmentor(seed=rank)
    labeling(photo_root, folder / "both", model, validation=True, threshold="val").run()
    labeling(photo_root, folder / "otsu", model, threshold="otsu").run()


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(photo_root, tmp_path, uninterrupted):
    run_in_two_processes(run_process, photo_root, tmp_path)
    assert outcome(tmp_path / "both") == uninterrupted
    labeling(photo_root, tmp_path / "one otsu", threshold="otsu").run()
    assert outcome(tmp_path / "otsu") == outcome(tmp_path / "one otsu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(num_clusters=19), "18 images cannot make 19 clusters"),
        (dict(threshold="val"), "needs validation images with masks"),
        (dict(threshold="best"), "not 'best'"),
        (dict(threshold=1.5), "not 1.5"),
    ],
)
def test_bad_settings(photo_root, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        labeling(photo_root, tmp_path, **changes)


def test_validation_images_of_unknown_categories(photo_root, tmp_path):
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "a.png").symlink_to(photo_root / "train" / "blue" / "blue_0.png")
    with pytest.raises(ValueError, match="validation images of known categories"):
        PseudoLabelRun(
            SmallSegmentor(),
            photos(photo_root),
            tmp_path,
            small_settings(threshold="val"),
            photos(tmp_path, "validation"),
        )


def test_files_of_others_are_not_touched(photo_root, tmp_path):
    (tmp_path / "pixel_labels").mkdir()
    (tmp_path / "pixel_labels" / "mask.png").write_bytes(b"")
    with pytest.raises(FileExistsError, match="empty that folder"):
        labeling(photo_root, tmp_path)


def test_spectral_clusters_are_those_of_the_graph(photo_root, tmp_path):
    run = labeling(photo_root, tmp_path, clustering="spectral", neighbors=4)
    manifest = run.run()
    assert manifest["settings"]["clustering"] == "spectral" and manifest["clustering"]["accuracy"] == 1
    rows = np.load(tmp_path / "clustering" / "embeddings.npy")
    expected = spectral_clusters(rows, 3, neighbors=4, restarts=3)
    np.testing.assert_array_equal(np.load(tmp_path / "centroids.npy"), expected.centroids)
    [kept] = (tmp_path / "clustering").glob("spectral_*")
    assert len(list((kept / "restarts").glob("*.npz"))) == 3
    kmeans_manifest = labeling(photo_root, tmp_path).run()
    assert kmeans_manifest["clustering"]["mean_squared_distance"] != manifest["clustering"]["mean_squared_distance"]


@pytest.mark.parametrize(
    "options", [dict(kmeans_start="k-means++"), dict(spherical=True), dict(kmeans_start="k-means++", spherical=True)]
)
def test_kmeans_starts_and_ends_as_asked(photo_root, tmp_path, options):
    labeling(photo_root, tmp_path).run()
    labeling(photo_root, tmp_path, **options).run()
    rows = np.load(tmp_path / "clustering" / "embeddings.npy")
    start, spherical = options.get("kmeans_start", "random"), options.get("spherical", False)
    expected = kmeans(rows, 3, restarts=3, start=start, spherical=spherical).centroids
    centroids = np.load(tmp_path / "centroids.npy")
    np.testing.assert_array_equal(centroids, expected)
    assert np.allclose(np.linalg.norm(centroids, axis=1), 1, atol=1e-3) == spherical


def test_finished_restarts_of_spectral_clusters_are_taken_again(photo_root, tmp_path, monkeypatch):
    settings = dict(clustering="spectral", neighbors=4)
    with monkeypatch.context() as patch:
        patch.setattr(pseudo_label_run, "check_clusters", lambda sizes: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            labeling(photo_root, tmp_path, **settings).run()
    [kept] = (tmp_path / "clustering").glob("spectral_*")
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*.npz")}
    labeling(photo_root, tmp_path, **settings).run()
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*.npz")} == before
    labeling(photo_root, tmp_path, **settings | dict(neighbors=5)).run()
    assert len(list((tmp_path / "clustering").glob("spectral_*"))) == 2


def test_labels_are_refined_as_predictions_are(photo_root, tmp_path):
    class Refined(SmallSegmentor):
        @property
        def label_settings(self):
            return dict(foreground="relative", refine="GrabCut")

        @property
        def refine(self):
            return GrabCut(short_side=24, iterations=1)

    model = Refined()
    manifest = labeling(photo_root, tmp_path, model, validation=True, threshold="val").run()
    assert manifest["model"] == model.label_settings
    assert max(manifest["threshold"]["thresholds"]) == 0.95
    dataset, threshold = photos(photo_root), manifest["threshold"]["value"]
    plain = 0
    for index in range(len(dataset)):
        sample = dataset[index]
        inputs = (sample["inputs"].flip(0).float()[None] - 100) / 50
        cluster, score = (output[0].detach() for output in model.pixel_scores(inputs))
        size = sample["data_samples"].ori_shape
        kept = model.refine(sample["inputs"].permute(1, 2, 0).numpy(), score.numpy(), threshold, size)
        expected = np.where(kept, resize_pixel_labels(cluster, score, size, None)[0].numpy(), 0)
        written = read_label_map(tmp_path / "pixel_labels" / f"{dataset.get_data_info(index)['relative_path']}.png")
        assert (written == expected).mean() > 0.99
        plain += (written == resize_pixel_labels(cluster, score, size, threshold)[0].numpy()).mean()
    assert plain / len(dataset) < 0.99
