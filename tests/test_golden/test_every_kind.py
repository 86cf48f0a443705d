# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""No golden case is left without a test, and no tolerance without a number of its own."""

import json
import re
from pathlib import Path

import pytest

from tests.test_golden.conftest import GOLDEN_ROOT, GoldenCase

INDEX = GOLDEN_ROOT / "cases.json"


@pytest.mark.skipif(not INDEX.is_file(), reason=f"no golden data in {GOLDEN_ROOT} (set MMLUSS_GOLDEN)")
def test_every_kind_of_golden_case_has_a_test():
    source = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("test_*.py")))
    tested = {
        kind
        for found in re.findall(r"@pytest\.mark\.golden_kind\(([^)]*)\)", source)
        for kind in re.findall(r"\w+", found)
    }
    cases = json.loads(INDEX.read_text())["cases"]
    assert {case["kind"] for case in cases} <= tested
    assert [case["name"] for case in cases if not (GOLDEN_ROOT / case["file"]).is_file()] == []


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("abs <= 1e-3 (embedding, scores), q abs <= 5e-3", {}, 1e-3),
        ("abs <= 1e-3 (embedding, scores), q abs <= 5e-3", dict(after="q abs"), 5e-3),
        ("<= 2e-3 * max|c4| in train mode, 1e-4 * max|c4| in eval mode", dict(before=" in train"), 2e-3),
        ("<= 2e-3 * max|c4| in train mode, 1e-4 * max|c4| in eval mode", dict(before=" in eval"), 1e-4),
        ("exact up to 0.1 % of pixels", {}, 1e-3),
        (">= 99.99 % of pixels equal", {}, 0.9999),
        ("sqrt(2*512) within 4 %", dict(after="within"), 0.04),
        (1e-5, {}, 1e-5),
    ],
)
def test_limits_are_read_as_they_are_written(text, words, expected):
    case = GoldenCase("case", "kind", {}, {}, dict(a=dict(b=text)), Path())
    assert case.limit("a", "b", **words) == pytest.approx(expected, rel=1e-12)


def test_words_that_a_tolerance_lacks_are_named():
    case = GoldenCase("case", "kind", {}, {}, dict(a="abs 1e-3"), Path())
    with pytest.raises(AssertionError, match="no 'train' in the tolerance"):
        case.limit("a", before="train")
