# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from mmluss.datasets import ImageNetSDataset
from mmluss.datasets.categories import subset_categories
from mmluss.datasets.mask_archives import MASK_ARCHIVES
from tests.helpers.tiny_imagenets import COUNTS, converter, write_source

LISTS = Path(__file__).resolve().parents[3] / "shared" / "lists"


def make_source(root: Path, subset: int, flat: bool = False) -> tuple[Path, Path, Path]:
    """A source whose files hold their own names."""
    return write_source(root, subset, lambda path: path.write_text(path.name), lambda name: name.encode(), flat)


def prepare(source, out: Path, subset: int, *options: str) -> int:
    imagenet, lists, archives = source
    return converter.main(
        [*map(str, (imagenet, lists, out)), "--subsets", str(subset), "--annotations", str(archives), *options]
    )


@pytest.fixture
def _tiny_counts(monkeypatch):
    monkeypatch.setattr(converter, "EXPECTED_COUNTS", COUNTS)


@pytest.fixture
def log(caplog):
    """What the tool logs; mmengine's loggers pass nothing on to pytest's handler."""
    logger = MMLogger.get_instance("mmluss")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def tree(root: Path) -> dict[str, str]:
    """Relative path -> content of each file, through links."""
    return {
        os.path.relpath(os.path.join(folder, name), root): Path(folder, name).read_text()
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
    }


@pytest.mark.usefixtures("_tiny_counts")
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("options", [(), ("--copy",)])
def test_prepares_a_subset(tmp_path, flat, options):
    source = make_source(tmp_path, 50, flat)
    assert prepare(source, tmp_path / "out", 50, *options) == 0
    root = tmp_path / "out" / "ImageNetS50"
    files = tree(root)
    assert Counter(path.split("/")[0] for path in files) == {
        "train": 100,
        "train-semi": 100,
        "train-semi-segmentation": 100,
        "validation": 50,
        "validation-segmentation": 50,
        "test": 50,
    }
    for path, content in files.items():
        assert content == (path if "segmentation" in path else Path(path).name)
    links = [path for path in root.rglob("*") if path.is_symlink()]
    assert bool(links) is (not options)
    for split in ("train", "train-semi", "validation", "test"):
        assert len(ImageNetSDataset(root, subset=50, split=split)) == COUNTS[50][split]


@pytest.mark.usefixtures("_tiny_counts")
def test_archive_under_its_published_name(tmp_path):
    source = make_source(tmp_path, 50)
    (source[2] / "ImageNetS50.zip").rename(source[2] / MASK_ARCHIVES[50])
    assert prepare(source, tmp_path / "out", 50) == 0
    assert len(list((tmp_path / "out" / "ImageNetS50" / "validation-segmentation").rglob("*.png"))) == 50


@pytest.mark.usefixtures("_tiny_counts")
@pytest.mark.slow
def test_merges_categories_of_919(tmp_path):
    source = make_source(tmp_path, 919)
    assert prepare(source, tmp_path / "out", 919) == 0
    root = tmp_path / "out" / "ImageNetS919"
    names = sorted(path.name for path in (root / "train" / "n15075141").iterdir())
    assert names == ["n03887697_0.JPEG", "n15075141_0.JPEG"]
    assert len(list((root / "train").iterdir())) == 919
    assert (root / "train" / "n01440764").is_symlink()
    assert (root / "train-semi" / "n15075141" / "n03887697_0.JPEG").read_text() == "n03887697_0.JPEG"
    assert (root / "train-full").is_symlink()
    assert len(ImageNetSDataset(root, subset=919, split="train-full")) == 925
    # Copies then take the place of the links and do not go through them.
    originals = tree(source[0])
    assert prepare(source, tmp_path / "out", 919, "--copy") == 0
    assert not (root / "train-full").is_symlink()
    assert not (root / "train-full" / "n99999999").is_symlink()
    assert tree(source[0]) == originals


@pytest.mark.usefixtures("_tiny_counts")
def test_runs_again(tmp_path):
    source = make_source(tmp_path, 50)
    root = tmp_path / "out" / "ImageNetS50"
    assert prepare(source, tmp_path / "out", 50) == 0
    before = tree(root)
    first = subset_categories(50)[0]
    # What an interruption leaves out, and a half-written file, are made up for; the rest is not written again.
    (root / "train" / first).unlink()
    (root / "validation-segmentation" / first / "ILSVRC2012_val_00000000.png").write_text("half")
    kept = root / "test" / first / "ILSVRC2012_val_00000001.JPEG"
    time = kept.lstat().st_mtime_ns
    assert prepare(source, tmp_path / "out", 50) == 0
    assert tree(root) == before
    assert kept.lstat().st_mtime_ns == time
    # Links give way to copies, which then stay as they are.
    originals = tree(source[0])
    assert prepare(source, tmp_path / "out", 50, "--copy") == 0
    assert not [path for path in root.rglob("*") if path.is_symlink()]
    assert prepare(source, tmp_path / "out", 50) == 0
    assert not [path for path in root.rglob("*") if path.is_symlink()]
    assert tree(root) == before
    assert tree(source[0]) == originals


@pytest.mark.usefixtures("_tiny_counts")
def test_without_archives_there_are_no_masks(tmp_path, log):
    imagenet, lists, _ = make_source(tmp_path, 50)
    assert converter.main([str(imagenet), str(lists), str(tmp_path / "out"), "--subsets", "50"]) == 0
    assert not list((tmp_path / "out" / "ImageNetS50").glob("*segmentation"))
    assert "no masks: give the annotation archives" in log.text


@pytest.mark.usefixtures("_tiny_counts")
def test_counts_are_verified(tmp_path, log):
    source = make_source(tmp_path, 50)
    category = subset_categories(50)[3]
    (source[0] / "train" / category / "extra.JPEG").touch()
    assert prepare(source, tmp_path / "out", 50) == 1
    assert "ImageNetS50/train has 101 files, not 100" in log.text


def remove_train_folder(imagenet, lists, archives):
    folder = imagenet / "train" / subset_categories(50)[0]
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def remove_train_image(imagenet, lists, archives):
    category = subset_categories(50)[0]
    (imagenet / "train" / category / f"{category}_1.JPEG").unlink()


def remove_validation_image(imagenet, lists, archives):
    next((imagenet / "val").rglob("ILSVRC2012_val_00000004.JPEG")).unlink()


def remove_archive(imagenet, lists, archives):
    (archives / "ImageNetS50.zip").unlink()


def empty_archive(imagenet, lists, archives):
    with zipfile.ZipFile(archives / "ImageNetS50.zip", "w"):
        pass


def remove_list(imagenet, lists, archives):
    next(lists.rglob("ImageNetSemi_im50_train.txt")).unlink()


def remove_lists(imagenet, lists, archives):
    next(lists.rglob("ImageNetS_categories_im50.txt")).unlink()


def other_categories(imagenet, lists, archives):
    next(lists.rglob("ImageNetS_categories_im50.txt")).write_text("n01443537")


def path_out_of_the_folder(imagenet, lists, archives):
    next(lists.rglob("ImageNetS_im50_mapping_test.txt")).write_text("a/b.JPEG ../b.JPEG")


@pytest.mark.parametrize(
    "spoil, error, message",
    [
        (remove_train_folder, FileNotFoundError, r"train/n01443537: no such folder; is this a complete copy"),
        (remove_train_image, FileNotFoundError, r"n01443537_1\.JPEG: no such image \(1 images of the train-semi split"),
        (remove_validation_image, FileNotFoundError, r"00000004\.JPEG: no such image \(1 images of the validation"),
        (remove_archive, FileNotFoundError, r"no annotation archive ImageNetS50-\w+\.zip or ImageNetS50\.zip"),
        (empty_archive, FileNotFoundError, r"lacks 150 masks, the first is train-semi-segmentation/n01443537/"),
        (remove_list, FileNotFoundError, r"ImageNetSemi_im50_train\.txt: no such list"),
        (remove_lists, FileNotFoundError, r"no ImageNetS_categories_im50\.txt in it; give the ImageNet-S toolbox's"),
        (other_categories, ValueError, r"does not hold the 50 categories of ImageNet-S-50"),
        (path_out_of_the_folder, ValueError, r"mapping_test\.txt, line 1: not two paths CATEGORY/NAME"),
    ],
)
def test_bad_sources_are_named(tmp_path, spoil, error, message):
    source = make_source(tmp_path, 50)
    spoil(*source)
    with pytest.raises(error, match=message):
        prepare(source, tmp_path / "out", 50)


@pytest.mark.usefixtures("_tiny_counts")
def test_does_not_write_through_links_of_others(tmp_path):
    source = make_source(tmp_path, 50)
    root = tmp_path / "out" / "ImageNetS50"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root.mkdir(parents=True)
    (root / "validation").mkdir()
    (root / "validation" / subset_categories(50)[0]).symlink_to(elsewhere)
    with pytest.raises(FileExistsError, match=r"validation/n01443537: is a link; remove it and run again"):
        prepare(source, tmp_path / "out", 50)
    assert not list(elsewhere.iterdir())


@pytest.mark.skipif(not LISTS.is_dir(), reason=f"needs the lists of ImageNet-S in {LISTS}")
def test_lists_of_imagenets50(tmp_path, log):
    imagenet = tmp_path / "imagenet"
    for category in subset_categories(50):
        (imagenet / "train" / category).mkdir(parents=True)
    for line in (LISTS / "ImageNetSemi_im50_train.txt").read_text().splitlines():
        (imagenet / "train" / line.split()[0]).touch()
    for split in ("validation", "test"):
        for line in (LISTS / f"ImageNetS_im50_mapping_{split}.txt").read_text().splitlines():
            path = imagenet / "val" / line.split()[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    # Only the training images of train-semi are there, so of all counts only that of train is not as it should be.
    assert converter.main([str(imagenet), str(LISTS), str(tmp_path / "out"), "--subsets", "50"]) == 1
    assert "not as it should be: ImageNetS50/train has 500 files, not 64431\n" in log.text
    root = tmp_path / "out" / "ImageNetS50"
    assert len(ImageNetSDataset(root, subset=50, split="test")) == 1682
    # An image that ImageNet-S puts into another category than ILSVRC.
    assert os.readlink(root / "validation/n01443537/ILSVRC2012_val_00026064.JPEG") == str(
        imagenet / "val/n01440764/ILSVRC2012_val_00026064.JPEG"
    )
