# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Options of the commands that need no training, each with a value unlike its default."""

import csv
import json
import shutil
import threading
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
import torch

import mmluss
from mmluss.apis.results.run_folder import RunFolder
from mmluss.apis.segmenting import annotation_export, segment_files, segmenter
from mmluss.apis.segmenting.formats import ANNOTATION_FORMATS, SAVED
from mmluss.apis.segmenting.segment_files import photos_to_segment
from mmluss.cli import main
from mmluss.cli.main import make_parser
from mmluss.datasets.label_codec import read_label_map
from mmluss.datasets.photos import list_photos
from tests.helpers.finished_run import PHOTOS, write_finished_run, write_photos

ANNOTATIONS = {
    "coco": "annotations.json",
    "yolo": "data.yaml",
    "voc": "trip/c.png.xml",
    "cvat": "annotations.xml",
    "masks": "trip/b 1.jpg.png",
    "csv": "things.csv",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    write_photos(root)
    return root


@pytest.fixture(scope="module")
def finished(photos, tmp_path_factory, tiny_checkpoint) -> RunFolder:
    return write_finished_run(photos, tmp_path_factory.mktemp("out"), tiny_checkpoint("pixel shuffle"))


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def results_below(folder: Path) -> set[str]:
    return {name for name in files_below(folder) if not name.startswith(".") and "/." not in name}


def test_no_option_is_without_a_test():
    """What a test must look at, it cannot say: see this file and test_discover.py."""
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    commands = next(action.choices for action in make_parser()._actions if action.choices)
    options = {option for command in commands.values() for option in command._option_string_actions}
    assert {"--seed", "--to"} <= options
    assert [option for option in sorted(options - {"-h", "--help"}) if f'"{option}"' not in texts] == []


@pytest.mark.parametrize("kinds", [("cutout",), ("json", "mask"), SAVED])
def test_save_says_what_is_written(finished, photos, tmp_path, kinds):
    run("segment", finished.out, photos, "--out", tmp_path, "--save", " , ".join(kinds))
    suffixes = dict(overlay=".jpg", mask=".png", cutout=".png", json=".json")
    folders = {kind: f"{kind}/" if len(kinds) > 1 else "" for kind in kinds}
    assert results_below(tmp_path) == {f"{folders[kind]}{name}{suffixes[kind]}" for kind in kinds for name in PHOTOS}
    if "mask" in kinds:
        ids = read_label_map(tmp_path / "mask" / "trip" / "c.png.png")
        np.testing.assert_array_equal(ids, segmenter.Segmenter(finished.out)(photos / "trip" / "c.png").label_map)
        things = json.loads((tmp_path / "json" / "trip" / "c.png.json").read_text())["things"]
        assert {thing["id"]: thing["pixels"] for thing in things} == {
            int(id_): int(count) for id_, count in zip(*np.unique(ids, return_counts=True), strict=True) if id_
        }
    if "cutout" in kinds:
        assert cv2.imread(str(tmp_path / folders["cutout"] / "a.jpg.png"), cv2.IMREAD_UNCHANGED).shape == (160, 160, 4)


@pytest.mark.parametrize("text", ["", " , ", "mask,picture"])
def test_nothing_or_something_unknown_to_save_is_an_error(finished, photos, tmp_path, capsys, text):
    with pytest.raises(SystemExit) as ended:
        run("segment", finished.out, photos, "--out", tmp_path / "new", "--save", text)
    shown = capsys.readouterr().err
    assert ended.value.code == 2 and not (tmp_path / "new").exists()
    assert ("'picture' cannot be saved" if "picture" in text else "nothing would be saved") in shown
    assert "give one or more of overlay,mask,cutout,json" in shown


@pytest.mark.parametrize("workers", [1, 4])
def test_so_many_workers_read_at_once(finished, photos, tmp_path, monkeypatch, workers):
    together = threading.Barrier(workers)
    readers, read = set(), segmenter.read_photo

    def read_together(path, max_side):
        readers.add(threading.current_thread().name)
        together.wait(timeout=60)
        return read(path, max_side=max_side)

    monkeypatch.setattr(segmenter, "read_photo", read_together)
    run("segment", finished.out, photos, "--out", tmp_path, "--save", "mask", "--workers", workers)
    assert len(readers) == workers
    assert results_below(tmp_path) == {f"{name}.png" for name in PHOTOS}


def test_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as ended:
        run("--version")
    assert ended.value.code == 0 and capsys.readouterr().out == f"mmluss {mmluss.__version__}\n"


@pytest.mark.parametrize("workers", ["0", "-1", "many"])
def test_there_is_at_least_one_worker(finished, photos, tmp_path, capsys, workers):
    with pytest.raises(SystemExit):
        run("segment", finished.out, photos, "--out", tmp_path, "--workers", workers)
    assert f"'{workers}' is no number of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--clusters", "1", "'1' is neither a number from 2 to 999 nor auto"),
        ("--clusters", "1000", "'1000' is neither a number from 2 to 999 nor auto"),
        ("--clusters", "many", "'many' is neither a number from 2 to 999 nor auto"),
        ("--seed", "-1", "'-1' is no number from 0 to 4294967295"),
        ("--seed", "4294967296", "'4294967296' is no number from 0 to 4294967295"),
        ("--threshold", "1.5", "'1.5' is neither a number in 0..1 nor otsu"),
        ("--threshold", "nan", "'nan' is neither a number in 0..1 nor otsu"),
        ("--threshold", "high", "'high' is neither a number in 0..1 nor otsu"),
    ],
)
def test_numbers_out_of_range_are_named(photos, tmp_path, capsys, option, text, message):
    with pytest.raises(SystemExit):
        run("discover", photos, "--out", tmp_path / "new", option, text)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [("name",), ("export", "--format", "csv")])
def test_names_and_annotations_need_the_steps_of_the_results(finished, tmp_path, capsys, arguments):
    out = RunFolder(shutil.copytree(finished.out, tmp_path / "out"))
    out.changing.touch()
    with pytest.raises(SystemExit):
        run(arguments[0], out.out, *arguments[1:])
    assert "a run has begun and did not end" in " ".join(capsys.readouterr().err.split())
    out.changing.unlink()
    out.label_maps[0].unlink()
    with pytest.raises(SystemExit):
        run(arguments[0], out.out, *arguments[1:])
    shown = " ".join(capsys.readouterr().err.split())
    assert f"{out.label_maps[0]} is gone. Run the same mmluss discover command again" in shown


def test_nothing_segmented_is_an_error(finished, tmp_path, capsys):
    (tmp_path / "damaged.jpg").write_bytes(b"no photo")
    with pytest.raises(SystemExit) as ended:
        run("segment", finished.out, tmp_path / "damaged.jpg", "--out", tmp_path / "out")
    shown = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 1 and "nothing could be segmented, such as damaged.jpg" in shown


def test_results_are_no_photos(finished, photos, tmp_path, monkeypatch):
    """Whether they are looked for below a folder or by a pattern, and by whom."""
    monkeypatch.chdir(shutil.copytree(photos, tmp_path / "photos"))
    for source in (".", "**/*.*g"):
        for _ in range(2):
            run("segment", finished.out, source, "--out", "res", "--save", "mask,overlay")
            assert results_below(Path("res")) == {f"mask/{name}.png" for name in PHOTOS} | {
                f"overlay/{name}.jpg" for name in PHOTOS
            }
    run("export", finished.out, "--format", "masks", "--to", "exported")
    # A folder that holds photos is none of results only.
    for source in ("*.jpg", "a.jpg"):
        run("segment", finished.out, source, "--out", ".", "--save", "cutout")
    run("export", finished.out, "--format", "yolo", "--to", "dataset")
    shutil.copytree("trip", "dataset/images")
    found = list_photos(".")
    copies = [f"dataset/images/{name.removeprefix('trip/')}" for name in PHOTOS if name.startswith("trip/")]
    assert found.photos == sorted([*PHOTOS, *copies, "a.jpg.png"])
    named = {file.path for file in found.skipped if "results, as the file .mmluss-results in it says" in file.reason}
    assert named == {"exported", "res/mask", "res/overlay"}
    with pytest.raises(ValueError, match=r"res/mask is a folder of results, as the file \.mmluss-results in it says"):
        list_photos("res/mask")
    assert photos_to_segment("res/mask/*.png").photos == ["res/mask/a.jpg.png"]


def test_results_that_were_interrupted_are_no_photos(finished, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(segment_files, "write_label_map", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(SystemExit):
        run("segment", finished.out, photos, "--out", tmp_path / "res", "--save", "overlay,mask")
    assert (tmp_path / "res" / "overlay" / "a.jpg.jpg").is_file()
    assert list_photos(tmp_path).photos == []


def test_device_is_where_the_model_computes(finished, photos, tmp_path, monkeypatch, capsys):
    made = []

    class Watched(segmenter.Segmenter):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(segmenter, "Segmenter", Watched)
    run("segment", finished.out, photos / "a.jpg", "--out", tmp_path, "--device", "cpu:0")
    assert made[0].device == torch.device("cpu:0")
    with pytest.raises(SystemExit):
        run("segment", finished.out, photos, "--out", tmp_path, "--device", "abacus")
    assert "abacus" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("form", ANNOTATION_FORMATS)
def test_export_goes_where_it_is_told_to(finished, tmp_path, form, capsys):
    before = files_below(finished.out)
    run("export", finished.out, "--format", form, "--to", tmp_path / "deep" / "down")
    assert (tmp_path / "deep" / "down" / ANNOTATIONS[form]).is_file()
    assert files_below(finished.out) == before
    assert str(tmp_path / "deep" / "down") in capsys.readouterr().err


def test_export_goes_to_the_run_s_folder_by_default(finished, tmp_path):
    out = shutil.copytree(finished.out, tmp_path / "out")
    run("export", out, "--format", "csv")
    with open(out / "export" / "csv" / "things.csv", encoding="utf-8-sig", newline="") as file:
        assert {row["photo"] for row in csv.DictReader(file)} <= set(PHOTOS)


def test_check_writes_its_table_only_if_told_to(photos, tmp_path, capsys):
    root = shutil.copytree(photos, tmp_path / "photos")
    (root / "broken.jpg").write_bytes(b"")
    run("check", root)
    assert "left out: broken.jpg (an empty file)" in capsys.readouterr().err
    assert files_below(root) == {*PHOTOS, "broken.jpg"}
    run("check", root, "--out", tmp_path / "result")
    with open(tmp_path / "result" / "skipped.csv", encoding="utf-8-sig", newline="") as file:
        assert [(row["path"], row["reason"]) for row in csv.DictReader(file)] == [("broken.jpg", "an empty file")]


def test_names_reach_everything(finished, tmp_path, capsys):
    folder = RunFolder(shutil.copytree(finished.out, tmp_path / "out"))
    folder.names_file.write_text("id;name;merge_into;drop\n2;fur;;\n3;;2;\n4;;;x\n")
    run("name", folder.out)
    meta = torch.load(folder.out / "model.pth", map_location="cpu", weights_only=True)["meta"]["dataset_meta"]
    assert list(meta["classes"]) == ["other", "cluster 1", "fur", "fur", "other"]
    assert "<h3>fur</h3>" in (folder.out / "report" / "index.html").read_text()
    assert "fur" in capsys.readouterr().err
    for source in (folder.out, folder.out / "model.pth"):
        assert segmenter.Segmenter(source)(Path(folder.run["photos"], "a.jpg")).names[2:] == ("fur", "fur", "other")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["check", "nowhere"], FileNotFoundError),
        (["name", "nowhere"], FileNotFoundError),
        (["segment", "nowhere", "nothing.jpg", "--out", "new"], FileNotFoundError),
        (["export", "nowhere", "--format", "coco"], FileNotFoundError),
        (["discover", "nowhere", "--out", "new"], FileNotFoundError),
    ],
)
def test_verbose_shows_where_an_error_comes_from(tmp_path, monkeypatch, capsys, arguments, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 1
    assert f"mmluss {arguments[0]} failed:" in capsys.readouterr().err
    with pytest.raises(error):
        run(*arguments, "--verbose")


def test_verbose_lets_warnings_through(photos, monkeypatch, recwarn):
    import warnings

    from mmluss.datasets import photos as photo_rooms

    listed = photo_rooms.list_photos

    def warn(*arguments, **options):
        warnings.warn("odd photos", UserWarning, stacklevel=1)
        return listed(*arguments, **options)

    monkeypatch.setattr(photo_rooms, "list_photos", warn)
    run("check", photos)
    assert not [warning for warning in recwarn if "odd photos" in str(warning.message)]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        run("check", photos, "--verbose")
    assert [warning for warning in recwarn if "odd photos" in str(warning.message)]


@pytest.mark.parametrize("cause", [None, "cause"])
def test_the_reason_comes_after_the_progress_bar(finished, tmp_path, monkeypatch, capsys, cause):
    def fail(photos, *arguments):
        for _ in photos:
            try:
                raise ValueError("this photo")
            except ValueError as error:
                raise RuntimeError("the reason") from (error if cause else None)

    monkeypatch.setattr(annotation_export, "export_annotations", fail)
    with pytest.raises(SystemExit):
        run("export", finished.out, "--format", "csv", "--to", tmp_path)
    shown = capsys.readouterr().err
    assert "writing annotations" in shown and shown.splitlines()[-1] == "the reason"
