# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import statistics

import pytest


@pytest.fixture
def side_by_side(load):
    return load("side_by_side")


@pytest.mark.parametrize(
    ("unit", "fast", "limit"), [("ms", 3.0, 2.0), ("s", 3.0, 2.0), ("images/s", 1 / 3, 0.5)], ids=str
)
def test_ratios_of_times_and_of_rates(side_by_side, unit, fast, limit):
    row = side_by_side.figures_row("work", unit, 4.0, 12.0, 2.0, "peer", "limit", note="here")
    assert row["times_as_fast"] == pytest.approx(fast)
    assert row["times_the_limit"] == pytest.approx(limit)
    assert row["note"] == "here"


def test_what_was_not_measured_has_no_ratio(side_by_side):
    row = side_by_side.figures_row("work", "s", 4.0, limit=0.0)
    assert (row["times_as_fast"], row["times_the_limit"]) == (None, None)


def test_sides_take_turns(side_by_side):
    calls = []
    figures = dict(ours=iter([3.0, 1.0, 2.0]), peer=iter([9.0, 7.0, 5.0]))

    def measure(name):
        calls.append(name)
        return next(figures[name])

    sides = {name: lambda name=name: measure(name) for name in figures}
    assert side_by_side.take_turns(sides, 3, statistics.median) == dict(ours=2.0, peer=7.0)
    assert calls == ["ours", "peer"] * 3


def test_the_fastest_counts_by_default(side_by_side):
    values = iter([3.0, 1.0, 2.0])
    assert side_by_side.take_turns(dict(ours=lambda: next(values)), 3) == dict(ours=1.0)


def test_table_has_the_columns_that_its_rows_fill(side_by_side):
    rows = [
        side_by_side.figures_row("one", "ms", 1.0, 12.0, 0.5, "other way", "alone", mib=3.0),
        side_by_side.figures_row("two", "s", 1234.5),
    ]
    names, first, second = side_by_side.table_of(rows)
    assert names == [*side_by_side.COLUMNS, "MiB, ours"]
    assert first == ["one", "ms", "1.00", "12.0 (other way)", "12.00", "0.500 (alone)", "2.00", "3.00"]
    assert second == ["two", "s", "1,234", "", "", "", "", ""]


def test_report_prints_and_writes(side_by_side, tmp_path, capsys):
    rows = [side_by_side.figures_row("work of ours", "ms", 1.0, 2.0)]
    side_by_side.report(rows, "title", tmp_path / "rows.json")
    assert "work of ours" in capsys.readouterr().out
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
    side_by_side.report(rows, "title", None)
