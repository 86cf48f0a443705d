# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import pytest

from mmluss.visualization.report import write_report
from mmluss.visualization.report.page import render_report
from tests.helpers.report_facts import example_facts


def test_page_is_whole_and_alone(tmp_path):
    path = write_report(example_facts(), tmp_path / "report" / "index.html")
    text = path.read_text()
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]
    assert not re.search(
        r"""(src|href|url)\s*[=(]\s*["']?(?!["']?(data:|#))""", re.sub(r"<(svg|script).*?</\1>", "", text, flags=re.S)
    )
    for shown in ("18", "3 (chosen)", "cluster 2", "61.2", "not an image", "photo 1 5.jpg", "Cluster 3 is empty."):
        assert shown in text
    assert text.count('class="card cluster"') == 3
    assert text.count('<button type="button"') == 20


def test_names_of_files_are_no_markup():
    text = render_report(example_facts())
    assert "broken &lt;b&gt;.jpg" in text and "broken <b>" not in text
    assert "cats &lt;&amp;&gt; dogs" in text


def test_same_facts_give_the_same_page():
    assert render_report(example_facts()) == render_report(example_facts())


@pytest.mark.parametrize(
    ("field", "empty", "mark"),
    [
        ("warnings", [], 'role="alert"'),
        ("points", [], 'id="map"'),
        ("uncertain", [], 'id="uncertain"'),
        ("several", [], 'id="several"'),
        ("skipped", [], 'id="skipped"'),
        ("scores", {}, 'id="scores"'),
        ("losses", {}, "loss: step 1"),
        ("histogram", None, "foreground score and threshold"),
        ("criterion", None, "number of clusters"),
        ("sweep", None, "threshold on validation photos"),
        ("confusion", None, "share of each category"),
    ],
)
def test_what_there_is_none_of_is_left_out(field, empty, mark):
    assert mark in render_report(example_facts())
    assert mark not in render_report(example_facts(**{field: empty}))
