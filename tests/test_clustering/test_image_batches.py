# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import threading

import numpy as np
import pytest
import torch

from mmluss.clustering import image_batches
from mmluss.clustering.image_batches import (
    batches_of_equal_shape,
    center_crop,
    consecutive_batches,
    image_sizes,
    load_batches,
    normalized_parts,
)
from mmluss.utils.image_files import image_size
from tests.helpers.small_world import CATEGORIES, SIZES, photos


def test_consecutive_batches():
    assert consecutive_batches(5, 2) == [[0, 1], [2, 3], [4]]


def test_batches_hold_each_image_once_and_one_proportion():
    rng = np.random.default_rng(0)
    sizes = np.array([[400, 300], [800, 600], [300, 400], [500, 333]], np.int32)[rng.integers(0, 4, 50)]
    batches = batches_of_equal_shape(sizes, 7)
    assert sorted(index for batch in batches for index in batch) == list(range(50))
    for batch in batches:
        assert 1 <= len(batch) <= 7
        assert len({round(w / h, 3) for w, h in sizes[batch]}) == 1
    assert sum(len(batch) < 7 for batch in batches) <= 3


@pytest.mark.parametrize(("slow_file", "in_threads"), [(60.0, 0), (0.0, 13)])
def test_image_sizes_come_from_the_headers(photo_root, monkeypatch, slow_file, in_threads):
    readers = []

    def read(path):
        readers.append(threading.current_thread() is not threading.main_thread())
        return image_size(path)

    monkeypatch.setattr(image_batches, "READ_AHEAD", 5)
    monkeypatch.setattr(image_batches, "SLOW_FILE", slow_file)
    monkeypatch.setattr(image_batches, "image_size", read)
    expected = [SIZES[index % len(SIZES)] for _ in CATEGORIES for index in range(6)]
    np.testing.assert_array_equal(image_sizes(photos(photo_root)), expected)
    # All but the first block, which tells how slow the files are.
    assert sum(readers) == in_threads


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken\.jpg cannot be read as an image"):
        image_sizes(photos(tmp_path))


@pytest.mark.parametrize(("shape", "start"), [((3, 8, 10), (2, 3)), ((3, 5, 4), (0, 0)), ((3, 7, 9), (2, 2))])
def test_center_crop(shape, start):
    image = torch.arange(np.prod(shape)).reshape(shape)
    top, left = start
    assert torch.equal(center_crop(image, 4), image[:, top : top + 4, left : left + 4])


def test_parts_have_one_shape_and_are_normalized(photo_root, model):
    dataset = photos(photo_root)
    data = next(iter(load_batches(dataset, [list(range(6))], 0)))
    seen = []
    for inputs, positions in normalized_parts(model, data):
        seen += positions
        for image, position in zip(inputs, positions, strict=True):
            torch.testing.assert_close(image, (data["inputs"][position].flip(0).float() - 100) / 50)
    assert sorted(seen) == list(range(6))


def test_an_image_smaller_than_the_crop_is_named(photo_root, model):
    data = next(iter(load_batches(photos(photo_root), [[0]], 0)))
    with pytest.raises(ValueError, match=r"amber_0\.png: a center crop of 33 pixels does not fit .* 43x32|42x32"):
        list(normalized_parts(model, data, crop_size=33))
