# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Write the tables of docs/benchmarks.md from the JSON files of the benchmarks in docs/benchmarks.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->`` and is made from ``NAME.json``, what a benchmark
wrote with ``--json``. Tables without a file, and all text around tables, stay as they are.

    python benchmarks/training.py --json docs/benchmarks/training.json
    python benchmarks/make_tables.py
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from side_by_side import table_of

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.S)


def markdown_table(rows: Sequence[dict]) -> str:
    """The table of a benchmark; rows of another form, without a unit, are left out."""
    names, *lines = table_of([row for row in rows if "unit" in row])
    # A column in which nothing stands says nothing.
    kept = [place for place in range(len(names)) if any(line[place] for line in lines)]
    texts = [[line[place].replace("|", "\\|") for place in kept] for line in [names, *lines]]
    texts.insert(1, ["---"] * len(kept))
    return "\n".join(f"| {' | '.join(text)} |" for text in texts)


def filled_page(page: str, folder: Path) -> str:
    """The page with all tables for which there is a file.

    Args:
        page: Markdown.
        folder: With the JSON files.

    Raises:
        ValueError: If a file has no place in the page.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.json"))}
    missing = sorted(files.keys() - {match[2] for match in TABLE.finditer(page)})
    if missing:
        raise ValueError(f"the page has no <!-- table: {missing[0]} --> for {files[missing[0]].name}")

    def fill(match: re.Match) -> str:
        if match[2] not in files:
            return match[0]
        table = markdown_table(json.loads(files[match[2]].read_text(encoding="utf-8")))
        # Markdown starts a table after an empty line only.
        return f"{match[1]}\n{table}\n\n{match[3]}"

    return TABLE.sub(fill, page)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    args = parser.parse_args(arguments)
    path = ROOT / "docs" / "benchmarks.md"
    text = path.read_text(encoding="utf-8")
    page = filled_page(text, ROOT / "docs" / "benchmarks")
    if not args.check:
        path.write_text(page, encoding="utf-8")
    elif page != text:
        print("docs/benchmarks.md is out of date: run benchmarks/make_tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
