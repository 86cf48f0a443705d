# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import csv
import shutil

import pytest

from mmluss.datasets.photos import list_photos
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


def test_no_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        list_photos(tmp_path / "nowhere")
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match=r"a\.jpg is a file; give the folder"):
        list_photos(tmp_path / "a.jpg")
