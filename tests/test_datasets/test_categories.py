# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

from mmluss.datasets.categories import SUBSETS, category_names, palette, subset_categories

LISTS = Path(__file__).resolve().parents[3] / "shared" / "lists"


@pytest.mark.parametrize("subset", [50, 300, 919])
def test_subsets_are_sorted_and_complete(subset):
    categories = subset_categories(subset)
    assert len(set(categories)) == subset
    assert list(categories) == sorted(categories)
    assert all(len(wordnet_id) == 9 and wordnet_id[0] == "n" and wordnet_id[1:].isdigit() for wordnet_id in categories)


def test_subsets_are_nested():
    assert SUBSETS == (50, 300, 919)
    assert set(subset_categories(50)) < set(subset_categories(300)) < set(subset_categories(919))


@pytest.mark.parametrize("subset", [50, 300, 919])
def test_tables_are_those_of_the_lists(subset):
    path = LISTS / f"ImageNetS_categories_im{subset}.txt"
    if not path.is_file():
        pytest.skip(f"needs the list of categories that comes with ImageNet-S, {path}")
    assert list(subset_categories(subset)) == path.read_text().split()


def test_merged_categories_are_those_merged_into():
    categories = set(subset_categories(919))
    assert {"n04355933", "n02808440", "n03832673", "n03773504", "n15075141"} <= categories
    assert not {"n04356056", "n04493381", "n03642806", "n04008634", "n03887697"} & categories


def test_names():
    assert category_names(("n01443537", "my_folder", "n02123597", "n15075141")) == (
        "goldfish",
        "my_folder",
        "Siamese cat",
        "toilet paper",
    )
    names = category_names(subset_categories(919))
    assert len(set(names)) == 919


def test_unknown_subset_is_refused():
    with pytest.raises(ValueError, match="has the subsets 50, 300, 919, not 100"):
        subset_categories(100)


def test_palette():
    colors = palette(920)
    assert colors[:9] == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
        [128, 0, 128],
        [0, 128, 128],
        [128, 128, 128],
        [64, 0, 0],
    ]
    assert len({tuple(color) for color in colors}) == 920
    assert all(0 <= value <= 255 for color in colors for value in color)
    assert palette(16) == colors[:16]
