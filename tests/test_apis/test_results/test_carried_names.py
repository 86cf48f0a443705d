# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.apis.results.carried_names import carried_names, shared_pixels
from mmluss.apis.results.cluster_names import ClusterNames
from mmluss.datasets.label_codec import write_label_map

NAMES = ClusterNames(("other", "rose", "tulip", "cluster 3"), np.array([0, 1, 1, 0]))


@pytest.mark.parametrize(
    ("shared", "names", "targets"),
    [
        # The same clusters under other ids: names, the merge and the drop go with them.
        ([[0, 0, 9], [8, 0, 0], [0, 7, 0]], ("cluster 1", "rose", "tulip"), [0, 0, 2, 2]),
        # What the rose is merged into is gone: the tulip stands alone.
        ([[4, 4, 4], [0, 9, 0]], ("cluster 1", "tulip"), [0, 1, 2]),
        # Half is not more than half.
        ([[5, 0, 0], [5, 0, 0], [0, 0, 3]], ("cluster 1", "cluster 2", "cluster 3"), [0, 1, 2, 0]),
        ([[0, 0, 0]], ("cluster 1",), [0, 1]),
    ],
)
def test_names_follow_what_they_named(shared, names, targets):
    carried = carried_names(NAMES, np.array(shared))
    assert carried.names == ("other", *names)
    assert carried.targets.tolist() == targets


def test_only_things_of_both_results_count(tmp_path):
    old = np.array([[0, 1, 1], [2, 2, 1000]], np.uint16)
    new = np.array([[3, 3, 0], [1, 3, 2]], np.uint16)
    for folder, labels in (("before", old), ("now", new)):
        write_label_map(tmp_path / folder / "a.png", labels)
        write_label_map(tmp_path / folder / "other size.png", labels if folder == "now" else labels[:1])
    write_label_map(tmp_path / "now" / "new photo.png", new)
    names = ("a.png", "other size.png", "new photo.png")
    before, now = ([tmp_path / folder / name for name in names] for folder in ("before", "now"))
    assert shared_pixels(before, now, 2, 3).tolist() == [[0, 1], [0, 0], [1, 1]]
