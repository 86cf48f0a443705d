# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
from pathlib import Path

import pytest

from mmluss.datasets.split_folder import Problem, Sample, folder_categories, list_folder, scan_split


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_list_folder_follows_links_and_skips_what_is_hidden_or_no_image(tmp_path):
    touch(tmp_path, "b.PNG", "a.jpeg", ".c.png", "notes.txt", "x/1.png", ".hidden/1.png", "elsewhere.bin")
    touch(tmp_path, "d.GIF", ".e.heic")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "z.webp").symlink_to(tmp_path / "b.PNG")
    assert list_folder(str(tmp_path)) == (["link", "x"], ["a.jpeg", "b.PNG", "z.webp"], ["d.GIF"])


def test_list_folder_names_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder"):
        list_folder(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "files, expected",
    [
        (("train/b/1.png", "train/a/1.png", "validation/c/1.png"), ("a", "b")),
        (("train/1.png", "validation/c/1.png", "train-semi/d/1.png"), ("c",)),
        (("train-semi/d/1.png", "test/a/1.png"), ("d",)),
        (("train/1.png",), ()),
        (("elsewhere/a/1.png",), ()),
    ],
)
def test_categories_come_from_the_first_split_with_folders(tmp_path, files, expected):
    touch(tmp_path, *files)
    assert folder_categories(str(tmp_path)) == expected


def test_scan_of_category_folders(tmp_path):
    touch(tmp_path, "val/b/2.jpg", "val/b/1.JPEG", "val/a/1.png", "val/a/readme.md")
    touch(tmp_path, "masks/b/1.png", "masks/b/2.png", "masks/a/1.png", "gray/b/1.jpg", "gray/b/2.png", "gray/a/1.png")
    root = str(tmp_path)
    samples, problems = scan_split(
        f"{root}/val", ("a", "absent", "b"), label_root=f"{root}/masks", saliency_root=f"{root}/gray"
    )
    assert problems == []
    assert samples == [
        Sample("a/1", 1, f"{root}/val/a/1.png", f"{root}/masks/a/1.png", f"{root}/gray/a/1.png"),
        Sample("b/1", 3, f"{root}/val/b/1.JPEG", f"{root}/masks/b/1.png", f"{root}/gray/b/1.jpg"),
        Sample("b/2", 3, f"{root}/val/b/2.jpg", f"{root}/masks/b/2.png", f"{root}/gray/b/2.png"),
    ]


def test_scan_of_a_flat_folder(tmp_path):
    touch(tmp_path, "photos/b.jpg", "photos/a.jpg", "masks/a.png", "masks/b.png")
    samples, problems = scan_split(str(tmp_path / "photos"), (), label_root=str(tmp_path / "masks"))
    assert problems == []
    assert [(sample.relative_path, sample.category) for sample in samples] == [("a", 0), ("b", 0)]
    assert samples[1].label_path == str(tmp_path / "masks" / "b.png")
    assert samples[1].saliency_path is None


def test_scan_finds_every_problem(tmp_path):
    touch(tmp_path, "val/a/1.jpg", "val/a/1.png", "val/a/2.jpg", "val/stray/1.jpg", "val/loose.jpg", "masks/a/1.png")
    touch(tmp_path, "masks/a/2.jpg")
    root = str(tmp_path)
    samples, problems = scan_split(f"{root}/val", ("a", "b"), label_root=f"{root}/masks", all_categories=True)
    assert problems == [
        Problem(f"{root}/val/loose.jpg", "image outside of the category folders", "1 such"),
        Problem(f"{root}/val/stray", "unknown category folder", "not one of the 2 categories"),
        Problem(f"{root}/val/b", "missing category folder"),
        Problem(f"{root}/val/a/1.png", "repeated name", "differs from 1.jpg in its suffix only"),
        Problem(f"{root}/masks/a/2.png", "missing mask"),
        Problem(f"{root}/masks/stray/1.png", "missing mask"),
    ]
    assert len(samples) == 4
    assert str(problems[0]) == f"{root}/val/loose.jpg: image outside of the category folders (1 such)"
    assert str(problems[2]) == f"{root}/val/b: missing category folder"


def test_scan_names_a_missing_saliency_map(tmp_path):
    touch(tmp_path, "train/1.jpg", "gray/2.png")
    _, problems = scan_split(str(tmp_path / "train"), (), saliency_root=str(tmp_path / "gray"))
    assert problems == [Problem(str(tmp_path / "gray" / "1.png"), "missing saliency map")]


CONVERT = "convert it to JPEG or PNG, or read the folder with PhotoFolderDataset"
MOVE = "images lie in SPLIT/CATEGORY/ or in SPLIT/ itself, so move them there"


def test_scan_finds_photos_that_nobody_would_read(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/a/2.HEIC", "train/a/notes.txt", "train/b/1.jpg", "train/3.gif")
    touch(tmp_path, "train/a/more/x/4.jpg", "train/a/more/5.avif", "train/a/.hidden/6.jpg", "train/b/papers/list.txt")
    touch(tmp_path, "train/b/one/7.png", "train/b/one/.cache/8.png")
    root = str(tmp_path / "train")
    samples, problems = scan_split(root, ("a", "b"))
    assert [sample.relative_path for sample in samples] == ["a/1", "b/1"]
    assert problems == [
        Problem(f"{root}/3.gif", "photo of a format that is not read", CONVERT),
        Problem(f"{root}/a/2.HEIC", "photo of a format that is not read", CONVERT),
        Problem(f"{root}/a/more", "photos in a folder that is not read", f"5.avif and 1 more; {MOVE}"),
        Problem(f"{root}/b/one", "photos in a folder that is not read", f"7.png; {MOVE}"),
    ]


def test_a_flat_folder_of_other_formats_is_no_empty_folder(tmp_path):
    touch(tmp_path, "train/1.heic", "train/2.jfif")
    _, problems = scan_split(str(tmp_path / "train"), ())
    assert [(Path(problem.path).name, problem.kind) for problem in problems] == [
        ("1.heic", "photo of a format that is not read"),
        ("2.jfif", "photo of a format that is not read"),
        ("train", "no images"),
    ]


def test_other_categories_may_be_allowed(tmp_path):
    touch(tmp_path, "train-full/a/1.jpg", "train-full/other/1.jpg")
    samples, problems = scan_split(str(tmp_path / "train-full"), ("a",), other_categories=True)
    assert problems == []
    assert [sample.category for sample in samples] == [1, 0]


@pytest.mark.parametrize("files", [(), ("a/readme.txt",)])
def test_split_without_images(tmp_path, files):
    (tmp_path / "train").mkdir()
    touch(tmp_path / "train", *files)
    _, problems = scan_split(str(tmp_path / "train"), ("a",))
    assert [problem.kind for problem in problems] == ["no images"]


@pytest.mark.parametrize("root", ["label_root", "saliency_root"])
def test_missing_root_is_named(tmp_path, root):
    touch(tmp_path, "train/1.jpg")
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder"):
        scan_split(str(tmp_path / "train"), (), **{root: str(tmp_path / "nowhere")})


def test_scan_asks_for_no_file_by_itself(tmp_path, monkeypatch):
    touch(tmp_path, *(f"train/{category}/{image}.jpg" for category in "ab" for image in range(50)))
    calls = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, *args, **kwargs: calls.append(path) or stat(path, *args, **kwargs))
    samples, _ = scan_split(str(tmp_path / "train"), ("a", "b"))
    assert len(samples) == 100
    assert not [path for path in calls if str(path).endswith(".jpg")]
