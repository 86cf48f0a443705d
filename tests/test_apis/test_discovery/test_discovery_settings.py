# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest

from mmluss.apis.discovery.discovery_settings import DiscoverySettings


@pytest.mark.parametrize(
    ("settings", "rounds"),
    [({}, 2), (dict(quick=True), 1), (dict(rounds=1), 1), (dict(rounds=3, quick=True), 3)],
)
def test_a_quick_look_takes_one_round_unless_told_otherwise(settings, rounds):
    assert DiscoverySettings(**settings).most_rounds == rounds


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(clusters=1), "clusters is a number from 2 to 999, or 'auto', not 1"),
        (dict(clusters=1000), "clusters is a number from 2 to 999, or 'auto', not 1000"),
        (dict(seed=-1), "seed is a number from 0 to 4294967295, not -1"),
        (dict(seed=2**32), "not 4294967296"),
        (dict(clusters="many"), "not 'many'"),
        (dict(threshold=-0.1), "threshold is a number in 0..1 or 'otsu', not -0.1"),
        (dict(rounds=0), "rounds is a number, 1 or more, not 0"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        DiscoverySettings(**settings)
