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


@pytest.mark.parametrize("source", ["{}", "{}/*.jpg", "one"])
def test_names_that_leave_no_room_for_results_are_named(tmp_path, source):
    long = "x" * 247 + ".jpg"
    for name in ("a.jpg", long):
        (tmp_path / name).touch()
    found = photos_to_segment(tmp_path / long if source == "one" else source.format(tmp_path))
    assert found.photos == ([] if source == "one" else ["a.jpg"])
    assert [(file.path, file.reason.partition(",")[0]) for file in found.skipped] == [
        (long, "its name is longer than 250 bytes")
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".hidden.jpg", r"\(looked for \.avif, .*\)$"),
        ("notes.txt", r"\); 1 files left out, such as notes\.txt \(not a photo by its suffix\)$"),
    ],
)
def test_a_folder_with_nothing_to_segment_is_an_error(tmp_path, name, reason):
    (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}: no photos outside of folders of results .*{reason}"):
        photos_to_segment(tmp_path)


def test_results_do_not_go_among_the_photos(trip, monkeypatch):
    monkeypatch.chdir(trip)
    with pytest.raises(ValueError, match="give another one for the results"):
        photos_to_segment(".", leave_out=[trip])
    assert photos_to_segment(".", leave_out=["day"]).photos == ["a.jpg"]
    assert photos_to_segment("a.jpg", leave_out=["."]).photos == ["a.jpg"]
