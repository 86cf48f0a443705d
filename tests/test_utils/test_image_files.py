# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from mmluss.utils.image_files import count_images


def test_images_in_linked_folders_count(tmp_path):
    for name in ("source/b/1.JPEG", "source/b/2.png", "source/b/notes.txt", "set/a/3.jpg", "set/a/.4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "set" / "b").symlink_to(tmp_path / "source" / "b")
    assert count_images(tmp_path / "set") == 3
    assert count_images(tmp_path / "nowhere") == 0
