# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import csv
import shutil

import cv2
import numpy as np
import pytest

from mmluss.datasets.photos import PhotoFolderDataset, list_photos, read_photo_list, write_photo_list
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
    for name in ("work", "logs"):
        (tmp_path / "photos" / "out" / name).mkdir()
    (tmp_path / "photos" / "out" / "skipped.csv").touch()
    assert len(list_photos(tmp_path / "photos").photos) == 1


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
