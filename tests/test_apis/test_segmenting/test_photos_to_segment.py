# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest

from mmluss.apis.segmenting.segment_files import photos_to_segment


@pytest.fixture
def trip(tmp_path, monkeypatch):
    for name in ("trip/a.jpg", "trip/day/b.jpg", "here/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "trip"


def test_patterns_below_the_current_folder_keep_their_names(trip, monkeypatch):
    monkeypatch.chdir(trip.parent)
    found = photos_to_segment("trip/*.jpg")
    assert (found.root, found.photos) == ("", ["trip/a.jpg"])


@pytest.mark.parametrize("absolute", [True, False])
def test_patterns_elsewhere_give_names_below_their_folder(trip, absolute):
    found = photos_to_segment(f"{trip if absolute else '../trip'}/**/*.jpg")
    assert (found.root, found.photos) == (str(trip), ["a.jpg", "day/b.jpg"])
