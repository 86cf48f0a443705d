# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from mmluss import Segmenter
from mmluss.apis.discovery.discovery import Discovery
from mmluss.apis.discovery.discovery_settings import DiscoverySettings
from mmluss.apis.discovery.run_results import finish_run
from mmluss.apis.results.run_folder import RunFolder
from mmluss.datasets.photos import list_photos, read_photo_list
from tests.helpers.finished_run import PHOTOS, write_finished_run, write_photos


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_checkpoint) -> RunFolder:
    photos = tmp_path_factory.mktemp("photos")
    write_photos(photos)
    return write_finished_run(photos, tmp_path_factory.mktemp("out"), tiny_checkpoint("pixel shuffle"))


@pytest.fixture
def folder(finished, tmp_path) -> RunFolder:
    return RunFolder(shutil.copytree(finished.out, tmp_path / "out"))


def train_again(folder: RunFolder) -> None:
    """Another final checkpoint."""
    checkpoint = torch.load(folder.checkpoint, map_location="cpu", weights_only=True)
    torch.save(checkpoint | dict(more=1), folder.checkpoint)


def set_run(folder: RunFolder, **values: object) -> None:
    folder.run_file.write_text(json.dumps(folder.run | values))


def test_names_stay_whatever_rows_and_letters_a_table_has(folder):
    folder.names_file.write_bytes("id;name\n2;Fell grün\n".encode("cp1252"))
    train_again(folder)
    finish_run(folder)
    assert folder.names.names[2].startswith("Fell gr") and not (folder.out / "clusters.old.csv").exists()


def test_table_of_another_number_of_clusters_is_put_aside(folder):
    record = folder.out / "work" / "results.json"
    stages = json.loads(record.read_text())
    stages["labels"]["inputs"]["num_clusters"] = 9
    record.write_text(json.dumps(stages))
    folder.names_file.write_text("id,name\n2,fur\n")
    finish_run(folder)
    assert folder.names.names[2] == "cluster 2"
    assert (folder.out / "clusters.old.csv").read_text() == "id,name\n2,fur\n"


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
    with pytest.raises(RuntimeError, match=r"has begun and did not end.*labels and .*model\.pth is of the run before"):
        folder.check_steps()
    (folder.step("finetune") / "last_checkpoint").unlink()
    # The model in one piece stays.
    assert (Segmenter(folder.out)(Path(folder.run["photos"], "a.jpg")).label_map == label_map).all()
    (folder.step("finetune") / "last_checkpoint").write_text("epoch_1.pth")
    finish_run(folder)
    folder.check_steps()


@pytest.mark.parametrize("change", [None, "settings", "photos"])
def test_a_run_with_other_photos_or_settings_changes_the_steps(folder, tmp_path, change):
    photos = shutil.copytree(folder.run["photos"], tmp_path / "photos")

    def begin(seed: int) -> str:
        discovery = Discovery(photos, folder.out, DiscoverySettings(clusters=2, seed=seed))
        discovery.photos = list_photos(photos)
        discovery._begin(discovery._data())
        return discovery.inputs

    set_run(folder, inputs=begin(0))
    folder.changing.unlink()
    if change == "photos":
        shutil.copy(photos / "a.jpg", photos / "new.jpg")
    begin(1 if change == "settings" else 0)
    assert folder.changing.exists() == (change is not None)
    assert ("new.jpg" in read_photo_list(folder.photo_list)) == (change == "photos")


def test_a_refused_run_leaves_the_list_of_photos(folder, tmp_path):
    photos = shutil.copytree(folder.run["photos"], tmp_path / "photos")
    shutil.copy(photos / "a.jpg", photos / "new.jpg")
    with pytest.raises(ValueError, match="photos are too few"):
        Discovery(photos, folder.out).run()
    assert read_photo_list(folder.photo_list) == list(PHOTOS) and not folder.changing.exists()
