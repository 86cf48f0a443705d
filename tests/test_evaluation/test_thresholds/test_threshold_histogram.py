# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
import torch

from mmluss.evaluation.thresholds.threshold_histogram import passed_thresholds, threshold_histogram
from tests.test_evaluation.slow_reference import boundary_labels

GRIDS = {
    "benchmark": np.arange(81) / 100,
    "one": [0.3],
    "many": np.linspace(-1, 1, 1000),
    "uneven": [-3e38, -1.0, 0.1, 0.1000001, 0.5, 7.0, 3e38],
    "hardly different": [0.5, np.nextafter(np.float32(0.5), np.float32(1))],
}


@pytest.mark.parametrize("name", GRIDS)
def test_passed_thresholds_are_those_not_above_the_score(name: str) -> None:
    thresholds = np.asarray(GRIDS[name], np.float32)
    rng = np.random.default_rng(0)
    near = [np.nextafter(thresholds, np.float32(side)) for side in (-np.inf, np.inf)]
    others = [rng.random(500), rng.normal(0, 9, 500), [-np.inf, np.inf, 0, -0.0]]
    score = np.concatenate([thresholds, *near, *others]).astype(np.float32)[None]
    with np.errstate(all="raise"):
        passed = passed_thresholds(score, thresholds)
    np.testing.assert_array_equal(passed, (score[..., None] >= thresholds).sum(2))
    assert passed.dtype == (np.uint8 if len(thresholds) < 256 else np.uint16)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_histogram_holds_every_threshold(scenes, kind) -> None:
    thresholds = np.array([0.2, 0.5, 0.7], np.float32)
    for true, predicted, score in scenes(0, 3, 3):
        maps = [kind(m.astype(np.int64)) for m in (predicted, true)]
        histogram = threshold_histogram(*maps, kind(score), thresholds, True)
        on_true = boundary_labels(true) >= 0
        for index, threshold in enumerate(thresholds):
            cut = np.where(score >= threshold, predicted, 0)
            lines = boundary_labels(cut)
            for p, i in enumerate(histogram.predicted):
                for t, j in enumerate(histogram.true):
                    if i > 0:
                        assert histogram.pixels[p, t, index + 1 :].sum() == ((cut == i) & (true == j)).sum()
                    for side in (0, 1):
                        here = (true == j) & (on_true == side)
                        own = histogram.smallest[p, t, side] - histogram.own[p, t, side]
                        other = (histogram.own - histogram.largest)[:, t, side].sum(0)
                        if i > 0:
                            assert own[: index + 1].sum() == ((lines == i) & here).sum()
                        else:
                            assert other[: index + 1].sum() == ((lines == 0) & here).sum()
        for t, j in enumerate(histogram.true):
            assert histogram.own[:, t, 1].sum() == (on_true & (true == j)).sum()
