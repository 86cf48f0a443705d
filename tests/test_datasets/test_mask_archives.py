# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest

from mmluss.datasets.categories import SUBSETS
from mmluss.datasets.mask_archives import MASK_ARCHIVES, find_mask_archive
from mmluss.utils.downloads import hash_in_name

OTHER_HASH = f"ImageNetS50-{'ab' * 16}.zip"


def test_every_subset_has_one_with_a_hash():
    assert tuple(MASK_ARCHIVES) == SUBSETS
    assert {hash_in_name(name)[0] for name in MASK_ARCHIVES.values()} == {"md5"}


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([MASK_ARCHIVES[50]], MASK_ARCHIVES[50]),
        (["ImageNetS50.zip"], "ImageNetS50.zip"),
        ([OTHER_HASH], OTHER_HASH),
        ([OTHER_HASH, "ImageNetS50.zip", MASK_ARCHIVES[50]], MASK_ARCHIVES[50]),
        ([OTHER_HASH, "ImageNetS50.zip"], "ImageNetS50.zip"),
    ],
)
def test_archive_under_any_of_its_names(tmp_path, there, found):
    for name in [*there, MASK_ARCHIVES[300], "ImageNetS919.zip"]:
        (tmp_path / name).touch()
    assert find_mask_archive(tmp_path, 50) == tmp_path / found


def test_missing_archive_says_how_to_get_it(tmp_path):
    (tmp_path / MASK_ARCHIVES[300]).touch()
    with pytest.raises(FileNotFoundError, match=rf"download\.py {MASK_ARCHIVES[919]} --out"):
        find_mask_archive(tmp_path, 919)


def test_archives_of_two_other_hashes_are_not_guessed_between(tmp_path):
    for name in (OTHER_HASH, f"ImageNetS50-{'cd' * 16}.zip"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="keep one of them"):
        find_mask_archive(tmp_path, 50)
