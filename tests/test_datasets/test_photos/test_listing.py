# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import csv
import os
import shutil

import cv2
import numpy as np
import pytest
from rich.console import Console

from mmluss.apis.discovery.discovery import Discovery
from mmluss.apis.steps.tool_steps import ToolSteps
from mmluss.datasets.photos import PhotoFolderDataset, SkippedFile, list_photos, read_photo_list, write_photo_list
from tests.helpers.messy_folder import BAD, GOOD


def test_every_photo_counts_or_is_named(messy_folder, tmp_path):
    found = list_photos(messy_folder)
    assert set(found.photos) == GOOD and found.photos == sorted(found.photos)
    reasons = {file.path: file.reason for file in found.skipped}
    assert reasons.keys() == BAD.keys()
    for path, part in BAD.items():
        assert part in reasons[path], reasons[path]
        assert str(messy_folder) not in reasons[path]
    found.write_skipped(tmp_path / "skipped.csv")
    with open(tmp_path / "skipped.csv", encoding="utf-8-sig", newline="") as file:
        assert {row["path"]: row["reason"] for row in csv.DictReader(file)} == reasons


def test_folder_of_results_inside_is_left_out(messy_folder, tmp_path):
    shutil.copytree(messy_folder / "deep" / "er", tmp_path / "photos" / "er")
    shutil.copytree(messy_folder / "deep" / "er", tmp_path / "photos" / "out" / "labels")
    assert len(list_photos(tmp_path / "photos").photos) == 2
    assert len(list_photos(tmp_path / "photos", leave_out=[tmp_path / "photos" / "out"]).photos) == 1


@pytest.mark.parametrize("photos", [0, 20])
def test_results_of_any_run_are_left_out(tmp_path, photos, monkeypatch):
    """Those of one that ended before it had a list of photos, and those of one that was verbose."""

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(ToolSteps, "train", stop)
    root = tmp_path / "photos"
    root.mkdir()
    for index in range(photos):
        cv2.imwrite(str(root / f"{index}.png"), np.full((48, 64, 3), index, np.uint8))
    with pytest.raises(KeyboardInterrupt if photos else ValueError):
        Discovery(root, root / "trip" / "out", console=Console(quiet=True), verbose=True).run()
    cv2.imwrite(str(root / "trip" / "out" / "work" / "label.png"), np.zeros((48, 64, 3), np.uint8))
    found = list_photos(root)
    assert len(found.photos) == photos and found.skipped == []


def test_results_whose_steps_were_deleted_are_left_out(tmp_path):
    for name in ("a.png", "out/skipped.csv", "out/model.pth", "out/labels/a.png.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = list_photos(tmp_path, check=False)
    assert found.photos == ["a.png"] and found.skipped == []


@pytest.mark.parametrize("names", [("skipped.csv",), ("work/photos.txt",), ("work/.lock",)])
def test_a_folder_with_a_single_name_of_a_run_is_none_of_results(tmp_path, names):
    for name in ("a.png", *(f"trip/{name}" for name in ("b.png", *names))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list_photos(tmp_path, check=False).photos == ["a.png", "trip/b.png"]


def test_results_in_place_of_photos_are_an_error(tmp_path):
    (tmp_path / "work").mkdir()
    for name in ("a.png", "skipped.csv", "work/photos.txt"):
        (tmp_path / name).touch()
    # Files of one's own, or what an older version left that was given the photos' folder for its results.
    assert list_photos(tmp_path, check=False).photos == ["a.png"]
    (tmp_path / "work" / ".lock").touch()
    with pytest.raises(ValueError, match="is a folder of results: give the folder of the photos"):
        list_photos(tmp_path, check=False)


def test_results_do_not_go_among_the_photos(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "a.png").touch()
    with pytest.raises(ValueError, match=r"photos is the folder of the photos: .*, such as .*photos/results"):
        list_photos(tmp_path / "photos", leave_out=[tmp_path / "linked"])


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    for name in ("a.png", "trip/locked/b.png", "trip/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(os, "scandir", refuse)
    found = list_photos(tmp_path, check=False)
    assert found.photos == ["a.png", "trip/c.png"]
    assert found.skipped == [SkippedFile("trip/locked", "a folder that cannot be read (Permission denied)")]
    with pytest.raises(PermissionError, match="trip/locked"):
        list_photos(tmp_path / "trip" / "locked", check=False)


def test_names_that_leave_no_room_for_results_are_named(tmp_path):
    short, long = "花" * 82 + ".jpg", "花" * 82 + ".jpeg"
    for name in (short, long):
        (tmp_path / name).touch()
    found = list_photos(tmp_path, check=False)
    assert found.photos == [short]
    assert found.skipped == [
        SkippedFile(long, "its name is longer than 250 bytes, so results cannot be named after it")
    ]


def test_without_checking_damaged_photos_stay(messy_folder):
    assert set(list_photos(messy_folder, check=False).photos) == GOOD | BAD.keys() - {"notes.txt"}


def test_progress_sees_every_photo(messy_folder):
    seen = []

    def progress(photos):
        for photo in photos:
            seen.append(photo)
            yield photo

    list_photos(messy_folder, progress=progress)
    assert set(seen) == GOOD | BAD.keys() - {"notes.txt"}


def test_names_with_odd_characters_stay_whole(tmp_path):
    names = ["a\x85b.jpg", "c\u2028d.jpg", "e\x0cf.jpg"]
    for name in (*names, "line\nbreak.jpg"):
        cv2.imwrite(str(tmp_path / "photo.jpg"), np.full((48, 64, 3), 99, np.uint8))
        (tmp_path / "photo.jpg").rename(tmp_path / name)
    found = list_photos(tmp_path)
    assert found.photos == names
    assert [(file.path, file.reason) for file in found.skipped] == [("line\nbreak.jpg", "its name has a line break")]
    write_photo_list(tmp_path / "list.txt", found.photos)
    assert read_photo_list(tmp_path / "list.txt") == names
    dataset = PhotoFolderDataset(str(tmp_path), photo_list=str(tmp_path / "list.txt"), pipeline=[])
    assert [dataset.get_data_info(index)["relative_path"] for index in range(3)] == names


def test_lists_of_other_systems_are_read(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"a.jpg\r\nb.jpg\r\n\r\n")
    assert read_photo_list(tmp_path / "list.txt") == ["a.jpg", "b.jpg"]


def test_no_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        list_photos(tmp_path / "nowhere")
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match=r"a\.jpg is a file; give the folder"):
        list_photos(tmp_path / "a.jpg")
