# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

from mmluss.datasets.transforms import color_ops
from mmluss.datasets.transforms.color_distortion import ColorDistortion

OFF = {"jitter_prob": 0, "gray_prob": 0, "blur_prob": 0}


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, float]]:
    """Records which operations are called, with which number, instead of doing them."""
    record = []
    for name in ("adjust_brightness", "adjust_contrast", "adjust_saturation", "adjust_hue", "gaussian_blur"):
        monkeypatch.setattr(color_ops, name, lambda image, value, name=name: record.append((name, value)) or image)
    monkeypatch.setattr(color_ops, "to_gray", lambda image: record.append(("to_gray", 0)) or image)
    return record


def test_each_part_has_its_probability(image, calls):
    np.random.seed(0)
    distort = ColorDistortion()
    rounds = 2000
    for _ in range(rounds):
        distort({"img": image})
    share = {name: sum(call[0] == name for call in calls) / rounds for name in {call[0] for call in calls}}
    assert share == pytest.approx(
        {
            "adjust_brightness": 0.8,
            "adjust_contrast": 0.8,
            "adjust_saturation": 0.8,
            "adjust_hue": 0.8,
            "to_gray": 0.2,
            "gaussian_blur": 0.5,
        },
        abs=0.04,
    )


@pytest.mark.parametrize(
    ("settings", "operation", "low", "high"),
    [
        ({"brightness": 0.8}, "adjust_brightness", 0.2, 1.8),
        ({"contrast": 1.5}, "adjust_contrast", 0.0, 2.5),
        ({"saturation": 0.1}, "adjust_saturation", 0.9, 1.1),
        ({"hue": 0.2}, "adjust_hue", -0.2, 0.2),
        ({"blur_radius": (0.1, 2.0)}, "gaussian_blur", 0.1, 2.0),
    ],
)
def test_ranges(image, calls, settings, operation, low, high):
    np.random.seed(0)
    distort = ColorDistortion(**settings, jitter_prob=1, blur_prob=1)
    for _ in range(500):
        distort({"img": image})
    values = [value for name, value in calls if name == operation]
    assert low <= min(values) < low + 0.03 * (high - low)
    assert high - 0.03 * (high - low) < max(values) <= high


def test_jitter_comes_in_any_order_before_gray_and_blur(image, calls):
    np.random.seed(0)
    distort = ColorDistortion(jitter_prob=1, gray_prob=1, blur_prob=1)
    orders = set()
    for _ in range(300):
        calls.clear()
        distort({"img": image})
        orders.add(tuple(name for name, _ in calls[:4]))
        assert [name for name, _ in calls[4:]] == ["to_gray", "gaussian_blur"]
    assert len(orders) == 24


def test_single_parts_can_be_turned_off(image, calls):
    ColorDistortion(brightness=0, saturation=0, hue=0, **(OFF | {"jitter_prob": 1}))({"img": image})
    assert [name for name, _ in calls] == ["adjust_contrast"]


def test_everything_off_changes_nothing(image):
    results = ColorDistortion(**OFF)({"img": image, "gt_seg_map": "kept"})
    np.testing.assert_array_equal(results["img"], image)
    assert results["gt_seg_map"] == "kept"


def test_same_seed_same_image(image):
    distort = TRANSFORMS.build({"type": "ColorDistortion", "gray_prob": 0.0})
    outcomes = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        outcomes.append(distort({"img": image.copy()})["img"])
    np.testing.assert_array_equal(outcomes[0], outcomes[1])
    assert (outcomes[0] != outcomes[2]).any()
    assert outcomes[0].dtype == np.uint8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"brightness": -0.1}, "brightness is 0..inf, not -0.1"),
        ({"hue": 0.6}, "hue is 0..0.5, not 0.6"),
        ({"gray_prob": 1.2}, "gray_prob is 0..1, not 1.2"),
        ({"blur_radius": (0, 2)}, "0 < low <= high"),
        ({"blur_radius": (2, 1)}, "0 < low <= high"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        ColorDistortion(**settings)


def test_old_spelling_loads_with_a_warning():
    with pytest.warns(FutureWarning, match='"gray_prob"'):
        ColorDistortion(grey_prob=0.7)
