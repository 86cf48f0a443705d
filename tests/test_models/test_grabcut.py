# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

from mmluss.models.grabcut import GrabCut, grabcut, grabcut_areas


def disks(*centers: tuple[int, int], size: int = 120, radius: int = 18) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo of orange disks on noisy green, their mask, and a blurred score that is strongest in the first one."""
    rng = np.random.default_rng(0)
    mask, score = np.zeros((size, size), np.uint8), np.zeros((size, size), np.float32)
    for number, center in enumerate(centers):
        disk = cv2.circle(np.zeros_like(mask), center, radius, 1, -1)
        mask |= disk
        score = np.maximum(score, (1 - 0.3 * (number > 0)) * cv2.GaussianBlur(disk.astype(np.float32), (0, 0), 12))
    photo = np.where(mask[..., None], (40, 120, 230), (60, 150, 60)) + rng.normal(0, 12, (size, size, 3))
    return photo.clip(0, 255).astype(np.uint8), mask > 0, score / score.max()


def overlap(found: np.ndarray, mask: np.ndarray) -> float:
    return (found & mask).sum() / (found | mask).sum()


def test_outlines_follow_the_photo():
    photo, mask, score = disks((50, 60))
    assert overlap(score >= 0.3, mask) < 0.7
    assert overlap(GrabCut()(photo, score, 0.3, mask.shape), mask) > 0.98


def test_several_things_survive():
    photo, mask, score = disks((30, 30), (85, 85))
    photo[80:, 80:][mask[80:, 80:]] = (180, 60, 60)
    found = GrabCut()(photo, score, 0.4, mask.shape)
    for part in (np.s_[:60, :60], np.s_[60:, 60:]):
        assert overlap(found[part], mask[part]) > 0.9


@pytest.mark.parametrize("quantiles", [dict(sure_foreground=0.7), dict(sure_background=0.6)])
def test_sure_areas_are_those_of_the_settings(quantiles, monkeypatch):
    photo, mask, score = disks((50, 60))
    seen = []
    monkeypatch.setattr("mmluss.models.grabcut.grabcut", lambda photo, areas, n: seen.append(areas) or areas > 2)
    GrabCut(**quantiles)(photo, score, 0.3, mask.shape)
    settings = dict(sure_foreground=0.98, sure_background=0.3) | quantiles
    np.testing.assert_array_equal(seen[0], grabcut_areas(score, 0.3, **settings))
    assert not np.array_equal(seen[0], grabcut_areas(score, 0.3, 0.98, 0.3))


def test_areas():
    score = np.zeros((20, 40), np.float32)
    score[:, :] = np.linspace(0, 0.4, 40)
    score[2:12, 2:12] = np.linspace(0.6, 1, 100).reshape(10, 10)
    score[2:8, 30:36] = 0.55
    score[18, 20] = 0.9
    areas = grabcut_areas(score, 0.5, sure_foreground=0.7, sure_background=0.25)
    assert (areas[2:12, 2:12] == cv2.GC_FGD).sum() == 30
    assert (areas[2:12, 2:12] == cv2.GC_PR_FGD).sum() == 70
    assert (areas[2:8, 30:36] == cv2.GC_FGD).all()
    assert areas[18, 20] == cv2.GC_PR_FGD
    background = np.isin(areas, (cv2.GC_BGD, cv2.GC_PR_BGD))
    np.testing.assert_array_equal(background, score < 0.5)
    assert (areas == cv2.GC_BGD).sum() == pytest.approx(0.25 * background.sum(), rel=0.1)
    assert score[areas == cv2.GC_BGD].max() < score[areas == cv2.GC_PR_BGD].min()
    assert (grabcut_areas(score, 0.5, 0.2, 0.25)[2:12, 2:12] == cv2.GC_FGD).sum() == 80


def test_same_input_same_result_whatever_was_cut_before():
    photo, mask, score = disks((50, 60))
    photo = np.random.default_rng(1).integers(0, 255, photo.shape, np.uint8)
    first = GrabCut()(photo, score, 0.3, mask.shape)
    cv2.setRNGSeed(7)
    GrabCut()(photo[::-1], score, 0.5, mask.shape)
    np.testing.assert_array_equal(GrabCut()(photo, score, 0.3, mask.shape), first)


@pytest.mark.parametrize("threshold", [-1, 2])
def test_all_or_nothing_stays(threshold):
    photo, mask, score = disks((50, 60))
    assert (GrabCut()(photo, score, threshold, mask.shape) == (threshold == -1)).all()


def test_refusal_of_opencv_keeps_the_thresholded_mask(monkeypatch):
    def refuse(*args):
        raise cv2.error("no")

    photo, _, score = disks((50, 60))
    areas = grabcut_areas(score, 0.3, 0.7, 0.3)
    monkeypatch.setattr(cv2, "grabCut", refuse)
    np.testing.assert_array_equal(grabcut(photo, areas, 3), score >= 0.3)


def test_working_size_and_result_size(monkeypatch):
    photo, _, score = disks((50, 60))
    seen = []
    monkeypatch.setattr(
        "mmluss.models.grabcut.grabcut", lambda photo, areas, n: seen.append((photo.shape, n)) or areas > 2
    )
    refine = TASK_UTILS.build(dict(type="GrabCut", short_side=40, iterations=5))
    assert refine(photo[:, :60], score[:30, :15], 0.3, (200, 100)).shape == (200, 100)
    assert refine(photo[:20, :30], score, 0.3, (10, 10)).shape == (10, 10)
    assert seen == [((80, 40, 3), 5), ((20, 30, 3), 5)]


@pytest.mark.parametrize(
    "settings", [dict(short_side=4), dict(iterations=0), dict(sure_foreground=1.5), dict(sure_background=-1)]
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match="not"):
        GrabCut(**settings)
