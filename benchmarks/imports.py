# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Wall seconds of ``import mmluss`` in a new process, beside ``import mmseg.apis``, which it cannot do without.

Both take turns, and the median counts; a first round that is not counted brings the files into the system's memory.
The limit is a Python that imports torch alone.

    python benchmarks/imports.py --rounds 11 --json imports.json
"""

import argparse
import statistics
import subprocess
import sys

from side_by_side import add_json_option, figures_row, report, seconds_of, take_turns

SIDES = dict(ours="import mmluss", peer="import mmseg.apis", limit="import torch")


def import_seconds(line: str) -> float:
    """Seconds of a process that does nothing but a line of Python."""
    return seconds_of(lambda: subprocess.run([sys.executable, "-W", "ignore", "-c", line], check=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    add_json_option(parser)
    args = parser.parse_args()
    sides = {name: lambda line=line: import_seconds(line) for name, line in SIDES.items()}
    take_turns(sides, 1)
    found = take_turns(sides, args.rounds, statistics.median)
    row = figures_row("import mmluss", "s", **found, peer_is=SIDES["peer"], limit_is=SIDES["limit"])
    report([row], f"median of {args.rounds} rounds", args.json)


if __name__ == "__main__":
    main()
