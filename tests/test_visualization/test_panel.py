# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import cv2
import numpy as np

from mmluss.visualization.panel import PanelRow, color_labels, draw_panel

PALETTE = [[0, 0, 0], [250, 0, 0], [0, 250, 0]]


def test_ids_ignored_pixels_and_unmatched_ids_have_their_colors():
    labels = np.array([[0, 1], [2, 1000], [-1, 900]])
    expected = [[[0, 0, 0], [250, 0, 0]], [[0, 250, 0], [255, 255, 255]], [[255, 210, 30], [255, 210, 30]]]
    assert color_labels(labels, PALETTE).tolist() == expected


def test_a_panel_is_written_in_one_piece(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (20, 30))
    row = PanelRow(rng.integers(0, 256, (20, 30, 3), np.uint8), labels, rng.random((20, 30)), labels, labels)
    path = draw_panel([row, row], ["other", "cat", "dog"], PALETTE, tmp_path / "panel.png")
    assert cv2.imread(str(path)).shape[1] > 600
    assert [file.name for file in tmp_path.iterdir()] == ["panel.png"]


def test_names_are_no_formulas(tmp_path):
    labels = np.ones((20, 30), int)
    row = PanelRow(np.zeros((20, 30, 3), np.uint8), labels, np.zeros((20, 30)), labels, labels)
    assert draw_panel([row], ["other", "$\\frac{1}$", "dog"], PALETTE, tmp_path / "panel.png").is_file()
