# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch
from mmcv import imread
from mmengine.structures import PixelData
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample

from mmluss.datasets.categories import cluster_metainfo, palette
from mmluss.visualization.cluster_visualizer import named_up_to

CATEGORIES = dict(classes=("other", "rose", "tulip"), palette=[[0, 0, 0], [10, 20, 30], [40, 50, 60]])


@pytest.fixture
def drawn(tmp_path):
    """Draws four columns of the ids 0, 1, 2 and 1000 beside predictions 0, 1, 2 and 7; gives both halves' colors."""
    visualizer = VISUALIZERS.build(
        dict(
            type="ClusterLocalVisualizer",
            name=str(tmp_path),
            alpha=1.0,
            vis_backends=[dict(type="LocalVisBackend")],
            save_dir=str(tmp_path),
        )
    )
    visualizer.dataset_meta = CATEGORIES

    def draw(prediction_meta=None, draw_gt=True):
        visualizer.prediction_meta = prediction_meta
        true, predicted = (
            torch.tensor(ids).repeat_interleave(4).expand(1, 8, 16) for ids in ([0, 1, 2, 1000], [0, 1, 2, 7])
        )
        sample = SegDataSample(gt_sem_seg=PixelData(data=true), pred_sem_seg=PixelData(data=predicted))
        image = np.zeros((8, 16, 3), np.uint8)
        path = tmp_path / "drawn.png"
        visualizer.add_datasample("a", image, sample, draw_gt, out_file=str(path), with_labels=False)
        return imread(path, channel_order="rgb")[0, 1::4].tolist()

    return draw


def test_masks_and_predictions_have_names_of_their_own(drawn):
    colors = drawn(cluster_metainfo(7))
    assert colors[:4] == [*CATEGORIES["palette"], [0, 0, 0]]
    assert colors[4:] == [palette(8)[id_] for id_ in (0, 1, 2, 7)]
    assert drawn(cluster_metainfo(7), draw_gt=False) == colors[4:]


def test_ids_beyond_the_categories_are_drawn(drawn):
    colors = drawn()
    assert colors[4:7] == CATEGORIES["palette"] and colors[7] == palette(8)[7] != [0, 0, 0]


def test_names_go_on_where_they_end():
    names, colors = named_up_to(5, ["other", "rose"], [[0, 0, 0], [1, 2, 3]])
    assert names == ["other", "rose", "cluster 2", "cluster 3", "cluster 4"]
    assert colors == [[0, 0, 0], [1, 2, 3], *palette(5)[2:]]
    assert named_up_to(1, ["other"], [[0, 0, 0]]) == (["other"], [[0, 0, 0]])
