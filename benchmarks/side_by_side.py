# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What benchmarks share: sides that take turns, rows of one form, their table and their JSON file.

A row holds ``work``, ``unit``, the figures ``ours``, ``peer`` and ``limit``, what peer and limit are (``peer_is``,
``limit_is``), and two ratios of one run: ``times_as_fast`` as the peer, and ``times_the_limit``, how many times as long
as the limit ours takes.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

COLUMNS = ("work", "unit", "ours", "peer", "times as fast", "limit", "times the limit")
MORE_COLUMNS = dict(
    wall="ours by the clock", peer_wall="peer by the clock", mib="MiB, ours", peer_mib="MiB, peer", note="note"
)
"""What only some rows have, by their keys."""


def figures_row(
    work: str,
    unit: str,
    ours: float,
    peer: float | None = None,
    limit: float | None = None,
    peer_is: str = "",
    limit_is: str = "",
    **more: object,
) -> dict:
    """A row; units that end with ``/s`` are the better the more, all others the better the less.

    Args:
        work: What was measured.
        unit: Of the three figures.
        ours: Figure of this project.
        peer: Figure of the straightforward way, where there is one.
        limit: Figure of what cannot be left out, where it was measured.
        peer_is: What the peer is.
        limit_is: What the limit is.
        **more: Anything else that belongs to the row.
    """
    rate = unit.endswith("/s")

    def times(slow: float | None, fast: float | None) -> float | None:
        if not slow or not fast:
            return None
        return fast / slow if rate else slow / fast

    return dict(
        work=work,
        unit=unit,
        ours=ours,
        peer=peer,
        limit=limit,
        peer_is=peer_is,
        limit_is=limit_is,
        times_as_fast=times(peer, ours),
        times_the_limit=times(ours, limit),
        **more,
    )


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that a call takes by a clock, such as ``time.process_time``."""
    start = clock()
    work()
    return clock() - start


def take_turns(
    sides: Mapping[str, Callable[[], float]], rounds: int, choose: Callable[[Iterable[float]], float] = min
) -> dict[str, float]:
    """Measure several sides round by round, so that a busy machine disturbs all alike.

    Args:
        sides: What gives one figure of each side.
        rounds: How often each is measured.
        choose: Makes one figure of those of all rounds: ``min`` of times, ``max`` of rates, or ``statistics.median``.
    """
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            figures[name].append(measure())
    return {name: choose(values) for name, values in figures.items()}


def number(value: object) -> str:
    """Three digits of a number, as they are of a larger one; nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def table_of(rows: Sequence[Mapping]) -> list[list[str]]:
    """Texts of the table, the names of its columns first; a column that no row fills is left out."""
    shown = [key for key in MORE_COLUMNS if any(row.get(key) is not None for row in rows)]
    lines = [[*COLUMNS, *(MORE_COLUMNS[key] for key in shown)]]
    for row in rows:
        sides = []
        for side in ("peer", "limit"):
            what = row[f"{side}_is"] if row[side] is not None else ""
            sides.append(f"{number(row[side])} ({what})" if what else number(row[side]))
        ratios = ["" if row[key] is None else f"{row[key]:.2f}" for key in ("times_as_fast", "times_the_limit")]
        line = [row["work"], row["unit"], number(row["ours"]), sides[0], ratios[0], sides[1], ratios[1]]
        lines.append(line + [number(row.get(key)) for key in shown])
    return lines


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """The option ``--json FILE``."""
    parser.add_argument("--json", type=Path, help="write the figures to this file")


def report(rows: Sequence[Mapping], title: str, path: Path | None) -> None:
    """Print the table, and write the rows as JSON if there is a path."""
    names, *lines = table_of(rows)
    table = Table(*names, title=title)
    for line in lines:
        table.add_row(*line)
    Console(width=None if Console().is_terminal else 180).print(table)
    write_json(rows, path)


def write_json(rows: Sequence[Mapping], path: Path | None) -> None:
    if path is not None:
        path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
