# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = """# Page

Words before.

<!-- table: work -->

| old |
| --- |

<!-- end -->

Words between.

<!-- table: other -->
Not measured yet.
<!-- end -->
"""


@pytest.fixture
def make_tables(load):
    return load("make_tables")


@pytest.fixture
def figures(load, tmp_path):
    def write(name, *rows):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
        return tmp_path

    write.row = load("side_by_side").figures_row
    return write


def test_page_agrees_with_the_files(make_tables):
    assert make_tables.main(["--check"]) == 0


def test_every_benchmark_with_a_table_is_a_script(make_tables):
    names = [match[2] for match in make_tables.TABLE.finditer((ROOT / "docs/benchmarks.md").read_text())]
    assert len(names) == len(set(names)) > 6
    assert [name for name in names if not (ROOT / "benchmarks" / f"{name}.py").is_file()] == []


def test_only_tables_with_a_file_change(make_tables, figures):
    folder = figures("work", figures.row("a | b", "ms", 2.0, 6.0, peer_is="loop"), dict(kind="another form"))
    page = make_tables.filled_page(PAGE, folder)
    assert "| work | unit | ours | peer | times as fast |\n| --- | --- | --- | --- | --- |\n" in page
    assert "| a \\| b | ms | 2.00 | 6.00 (loop) | 3.00 |\n\n<!-- end -->" in page
    assert "| old |" not in page
    assert page.split("Words between.")[1] == PAGE.split("Words between.")[1]
    assert make_tables.filled_page(page, folder) == page


def test_a_file_without_a_place_is_an_error(make_tables, figures):
    with pytest.raises(ValueError, match=r"no <!-- table: third --> for third\.json"):
        make_tables.filled_page(PAGE, figures("third", figures.row("a", "ms", 2.0)))


def test_check_fails_where_the_page_is_old(make_tables, figures, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "docs" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "work.json").write_text(json.dumps([figures.row("new", "ms", 2.0)]))
    (tmp_path / "docs" / "benchmarks.md").write_text(PAGE)
    monkeypatch.setattr(make_tables, "ROOT", tmp_path)
    assert make_tables.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert make_tables.main([]) == 0
    assert make_tables.main(["--check"]) == 0
