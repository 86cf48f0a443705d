# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmluss import Segmenter
from mmluss.apis.discovery import discovery as discovery_module
from mmluss.apis.discovery import run_results
from mmluss.apis.discovery.discovery import Discovery
from mmluss.apis.discovery.discovery_settings import DiscoverySettings
from mmluss.apis.discovery.run_results import apply_names, finish_run
from mmluss.apis.results import carried_names
from mmluss.apis.results.cluster_names import ClusterNames
from mmluss.apis.results.run_folder import RunFolder
from mmluss.apis.segmenting.annotation_export import labeled_photos
from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.datasets.photos import list_photos, read_photo_list
from mmluss.utils.folder_lock import only_run_in
from tests.helpers.finished_run import PHOTOS, write_finished_run, write_photos
from tests.helpers.tiny_models import CLUSTERS


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_checkpoint) -> RunFolder:
    photos = tmp_path_factory.mktemp("photos")
    write_photos(photos)
    return write_finished_run(photos, tmp_path_factory.mktemp("out"), tiny_checkpoint("pixel shuffle"))


@pytest.fixture
def folder(finished, tmp_path) -> RunFolder:
    return RunFolder(shutil.copytree(finished.out, tmp_path / "out"))


def train_again(folder: RunFolder, more: int = 1) -> None:
    """Another final checkpoint, of the same weights."""
    checkpoint = torch.load(folder.checkpoint, map_location="cpu", weights_only=True)
    torch.save(checkpoint | dict(more=more), folder.checkpoint)


def set_run(folder: RunFolder, **values: object) -> None:
    folder.run_file.write_text(json.dumps(folder.run | values))


def permute_labels(folder: RunFolder, order: dict[int, int]) -> None:
    """Have the result before show the same things under other ids."""
    for path in folder.label_maps:
        ids = read_label_map(path)
        write_label_map(path, np.vectorize(lambda id_: order.get(id_, id_))(ids).astype(np.uint16))


def test_names_stay_whatever_rows_and_letters_a_table_has(folder):
    folder.names_file.write_bytes("id;name;seen\n2;Fell grün;May\n".encode("cp1252"))
    apply_names(folder)
    assert folder.names.names[2] == "Fell grün"
    assert folder.names_file.read_text("utf-8-sig").splitlines()[2].startswith("2,Fell grün,,,")
    assert folder.names_file.read_text("utf-8-sig").splitlines()[2].endswith(",May")
    assert not (folder.out / "clusters.old.csv").exists()


@pytest.mark.parametrize("number", [CLUSTERS, 9])
def test_names_follow_their_things_to_other_ids(folder, number):
    record = folder.out / "work" / "results.json"
    stages = json.loads(record.read_text())
    stages["labels"]["inputs"]["num_clusters"] = number
    record.write_text(json.dumps(stages))
    present = np.unique([id_ for path in folder.label_maps for id_ in np.unique(read_label_map(path))])
    one, other = (int(id_) for id_ in present[present > 0][:2])
    permute_labels(folder, {one: other, other: one})
    table = f"id,name,drop\n{one},fur,\n{other},mist,x\n"
    folder.names_file.write_text(table)
    train_again(folder)
    assert finish_run(folder) == folder.out / "clusters.old.csv"
    assert (folder.names.names[other], folder.names.names[one]) == ("fur", "mist")
    assert folder.names.targets[one] == 0
    assert (folder.out / "clusters.old.csv").read_text() == table
    assert not folder.before.exists()
    # Again: neither what people wrote then nor what they wrote before is lost.
    again = folder.names_file.read_bytes()
    train_again(folder, more=2)
    finish_run(folder)
    assert (folder.out / "clusters.old.csv").read_text() == table
    assert (folder.out / "clusters.old.2.csv").read_bytes() == again
    assert folder.names.names[other] == "fur"


def test_an_untouched_table_is_not_kept(folder):
    train_again(folder)
    assert finish_run(folder) is None
    assert not list(folder.out.glob("clusters.old*"))


def test_interrupted_labels_still_take_names_from_the_result_before(folder, monkeypatch):
    folder.names_file.write_text("id,name\n1,fur\n2,metal\n3,mist\n4,glass\n")
    train_again(folder)

    def interrupt(*args: object, **kwargs: object) -> None:
        folder.labels.mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_results, "segment_files", interrupt)
        with pytest.raises(KeyboardInterrupt):
            finish_run(folder)
    written_since = "id,name\n1,of no use\n"
    folder.names_file.write_text(written_since)

    remove = shutil.rmtree

    def kill(path: Path) -> None:
        remove(path / "labels")
        raise KeyboardInterrupt

    # And once more, when the names have gone over and what they came from is removed.
    with monkeypatch.context() as patch:
        patch.setattr(carried_names.shutil, "rmtree", kill)
        with pytest.raises(KeyboardInterrupt):
            finish_run(folder)
    finish_run(folder)
    shown = {int(id_) for path in folder.label_maps for id_ in np.unique(read_label_map(path))} - {0}
    expected = {1: "fur", 2: "metal", 3: "mist", 4: "glass"}
    assert {id_: folder.names.names[id_] for id_ in shown} == {id_: expected[id_] for id_ in shown}
    first, since = folder.out / "clusters.old.csv", folder.out / "clusters.old.2.csv"
    assert "metal" in first.read_text() and since.read_text() == written_since
    assert not (folder.before / "names.json").exists()


@pytest.mark.parametrize("calls", [0, 1])
def test_a_kill_while_the_result_before_is_kept_loses_no_name(folder, monkeypatch, calls):
    """Before the label maps have moved, and after it but before the table has."""
    folder.names_file.write_text("id,name\n1,fur\n2,metal\n3,mist\n4,glass\n")
    train_again(folder)
    move, done = Path.replace, []

    def kill(path: Path, target: Path) -> Path:
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(path)
        return move(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", kill)
        with pytest.raises(KeyboardInterrupt):
            finish_run(folder)
    finish_run(folder)
    shown = {int(id_) for path in folder.label_maps for id_ in np.unique(read_label_map(path))} - {0}
    expected = {1: "fur", 2: "metal", 3: "mist", 4: "glass"}
    assert shown and {id_: folder.names.names[id_] for id_ in shown} == {id_: expected[id_] for id_ in shown}
    assert [path.name for path in folder.out.glob("clusters.old*")] == ["clusters.old.csv"]


@pytest.mark.parametrize("edited", [False, True])
def test_label_maps_of_photos_that_are_gone_go_too(folder, edited):
    if edited:
        folder.names_file.write_text("id,name\n1,fur\n")
    folder.photo_list.write_text("".join(f"{name}\n" for name in PHOTOS[1:]))
    rows = np.load(folder.embedding_folder / "embeddings.npy")
    np.save(folder.embedding_folder / "embeddings.npy", rows[1:])
    train_again(folder)
    finish_run(folder)
    found = sorted(path.relative_to(folder.labels).as_posix() for path in folder.labels.rglob("*.png"))
    assert found == [f"{name}.png" for name in PHOTOS[1:]]


def test_label_maps_that_are_gone_are_made_again(folder):
    folder.names_file.write_text("id,name\n1,fur\n")
    before = [read_label_map(path) for path in folder.label_maps]
    folder.label_maps[1].unlink()
    finish_run(folder)
    for path, ids in zip(folder.label_maps, before, strict=True):
        np.testing.assert_array_equal(read_label_map(path), ids)
    assert folder.names.names[1] == "fur" and not list(folder.out.glob("clusters.old*"))


def test_names_reach_model_and_report_where_photos_are_gone(folder):
    set_run(folder, photos=str(folder.out / "nowhere"))
    folder.names_file.write_text("id,name\n1,fur\n")
    apply_names(folder)
    assert "fur" in (folder.out / "report" / "index.html").read_text()
    meta = torch.load(folder.out / "model.pth", map_location="cpu", weights_only=True)["meta"]
    assert meta["dataset_meta"]["classes"][1] == "fur"


def test_skipped_files_as_a_spreadsheet_saves_them(folder):
    (folder.out / "skipped.csv").write_bytes("path;reason\r\nTür.txt;no photo\r\n".encode("utf-8-sig"))
    apply_names(folder)
    assert "Tür.txt" in (folder.out / "report" / "index.html").read_text()


def test_one_run_at_a_time(folder, tmp_path):
    photos = shutil.copytree(folder.run["photos"], tmp_path / "photos")
    before = folder.names_file.read_bytes()
    with only_run_in(folder.lock):
        for start in (lambda: finish_run(folder), lambda: apply_names(folder), Discovery(photos, folder.out).run):
            with pytest.raises(RuntimeError, match="another run is at work"):
                start()
    assert folder.names_file.read_bytes() == before and read_photo_list(folder.photo_list) == list(PHOTOS)


def test_names_of_files_need_not_be_text(folder, tmp_path):
    root = Path(shutil.copytree(folder.run["photos"], tmp_path / "photos"))
    strange = "tr\udce4umend.jpg"
    try:
        os.rename(root / "a.jpg", root / strange)
    except OSError:
        pytest.skip("this file system wants names to be text")
    names = [strange, *PHOTOS[1:]]
    folder.photo_list.write_bytes("".join(f"{name}\n" for name in names).encode(errors="surrogateescape"))
    list_photos(root).write_skipped(folder.out / "skipped.csv")
    with open(folder.out / "skipped.csv", "ab") as file:
        file.write(f"{strange}.txt,no photo\n".encode(errors="surrogateescape"))
    set_run(folder, photos=str(root))
    finish_run(folder)
    assert (folder.out / "labels" / f"{strange}.png").is_file()
    page = (folder.out / "report" / "index.html").read_text()
    assert "tr?umend.jpg" in page and "tr?umend.jpg.txt" in page


def test_steps_are_not_looked_at_while_they_change(folder):
    label_map = Segmenter(folder.out)(Path(folder.run["photos"], "a.jpg")).label_map
    folder.changing.touch()
    with pytest.raises(
        RuntimeError, match=r"has begun and did not end.*labels and .*model\.pth may be of the run before"
    ):
        folder.check_steps()
    (folder.step("finetune") / "last_checkpoint").unlink()
    # The model in one piece stays.
    assert (Segmenter(folder.out)(Path(folder.run["photos"], "a.jpg")).label_map == label_map).all()
    (folder.step("finetune") / "last_checkpoint").write_text("epoch_1.pth")
    finish_run(folder)
    folder.check_steps()


@pytest.mark.parametrize("change", [None, "settings", "photos", "processes"])
def test_a_run_with_other_photos_or_settings_changes_the_steps(folder, tmp_path, change):
    photos = shutil.copytree(folder.run["photos"], tmp_path / "photos")

    def begin(seed: int, processes: int = 1) -> str:
        discovery = Discovery(photos, folder.out, DiscoverySettings(clusters=2, seed=seed))
        discovery.photos = list_photos(photos)
        discovery._begin(discovery._data(), processes)
        return discovery.inputs

    set_run(folder, inputs=begin(0))
    folder.changing.unlink()
    if change == "photos":
        shutil.copy(photos / "a.jpg", photos / "new.jpg")
    begin(1 if change == "settings" else 0, 2 if change == "processes" else 1)
    assert folder.changing.exists() == (change is not None)
    assert ("new.jpg" in read_photo_list(folder.photo_list)) == (change == "photos")


def test_a_refused_run_leaves_the_list_of_photos(folder, tmp_path):
    photos = shutil.copytree(folder.run["photos"], tmp_path / "photos")
    shutil.copy(photos / "a.jpg", photos / "new.jpg")
    with pytest.raises(ValueError, match="photos are too few"):
        Discovery(photos, folder.out).run()
    assert read_photo_list(folder.photo_list) == list(PHOTOS) and not folder.changing.exists()


def test_a_refused_run_leaves_the_network_that_another_starts_from(folder, tmp_path, monkeypatch):
    (folder.out / "work" / "backbone.pth").write_text("of the run at work")
    photos = tmp_path / "photos"
    write_photos(photos)
    asked = []
    monkeypatch.setattr(discovery_module, "foreign_network", lambda *backbone: asked.append(backbone))
    settings = DiscoverySettings(clusters=2, backbone=("config.py", "weights.pth"))
    with only_run_in(folder.lock), pytest.raises(RuntimeError, match="another run is at work"):
        Discovery(photos, folder.out, settings).run()
    assert asked == [("config.py", "weights.pth")]
    assert (folder.out / "work" / "backbone.pth").read_text() == "of the run at work"


def test_a_step_done_anew_parts_steps_and_results(folder, tmp_path):
    discovery = Discovery(tmp_path, folder.out, DiscoverySettings(clusters=2))

    def step(weights: str) -> None:
        discovery.steps.run("5_finetune", dict(weights=weights), lambda out: (out / "done").touch(), lambda out: {})

    step("first")
    folder.changing.unlink()
    step("first")
    assert not folder.changing.exists()
    step("second")
    assert folder.changing.exists()


def test_a_first_run_has_no_results_until_its_end(folder, tmp_path):
    folder.run_file.unlink()
    discovery = Discovery(folder.out / "photos", folder.out, DiscoverySettings(clusters=2))
    discovery._begin("data")
    assert folder.changing.exists()
    with pytest.raises(FileNotFoundError, match="is no folder of a finished run"):
        folder.check_steps()


def test_the_names_of_a_model_in_one_piece_are_its_own(folder):
    folder.names_file.write_text("id,name\n1,FUR\n2,METAL\n")
    apply_names(folder)
    folder.changing.touch()
    # As a new result leaves it that is killed before its model is written.
    folder.names_file.write_text("id,name\n1,METAL\n2,FUR\n")
    assert Segmenter(folder.out).names.names[:3] == ("other", "FUR", "METAL")
    folder.changing.unlink()
    assert Segmenter(folder.out).names.names[:3] == ("other", "METAL", "FUR")


@pytest.mark.parametrize("side", [1100, 2000, 3000])
def test_label_maps_stay_in_place_when_they_shrink(tmp_path, side):
    photos, folder = tmp_path / "photos", RunFolder(tmp_path / "out")
    (folder.out / "work").mkdir(parents=True)
    photos.mkdir(parents=True)
    cv2.imwrite(str(photos / "a.jpg"), np.zeros((480, side, 3), np.uint8))
    folder.photo_list.write_text("a.jpg\n")
    folder.run_file.write_text(json.dumps(dict(photos=str(photos), num_clusters=1, settings={}, steps={})))
    # Edges at many places, so that rounding evens out.
    edges = np.arange(0, side, 37)
    labels = np.isin(np.arange(side) // 37 % 2, 1).astype(np.uint16)[None].repeat(480, axis=0)
    write_label_map(folder.label_maps[0], labels)
    run_results._shrink_to_seen(folder)
    [photo] = labeled_photos(photos, ["a.jpg"], folder.label_maps, ClusterNames.default(1))
    assert photo.labels.shape == labels.shape
    found = np.flatnonzero(np.diff(photo.labels[240])) + 1
    assert len(found) == len(edges) - 1
    assert abs((found - edges[1:]).mean()) < 0.35


def test_names_stay_where_the_list_of_skipped_files_is_gone(folder):
    (folder.out / "skipped.csv").unlink()
    folder.names_file.write_text("id,name\n1,FUR\n")
    apply_names(folder)
    assert "FUR" in (folder.out / "report" / "index.html").read_text()
