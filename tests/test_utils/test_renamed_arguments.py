# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import doctest
import subprocess
import sys
import warnings

import pytest

from mmluss.utils import renamed_arguments as module
from mmluss.utils.renamed_arguments import renamed_arguments


@renamed_arguments({"colour": "color", "grey": "gray"}, "paint")
def paint(color: str = "red", gray: int = 0) -> tuple[str, int]:
    return color, gray


def test_example() -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("former", "new", "result"), [("colour", "color", ("blue", 0)), ("grey", "gray", ("red", "blue"))]
)
def test_former_name_is_taken_with_a_warning(former: str, new: str, result: tuple) -> None:
    with pytest.warns(FutureWarning, match=f'paint: the argument "{former}" is called "{new}" now'):
        assert paint(**{former: "blue"}) == result


def test_new_names_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert paint("green", gray=3) == ("green", 3)


def test_both_names_are_refused() -> None:
    with pytest.raises(TypeError, match='give "color" only'):
        paint(colour="blue", color="red")


@pytest.mark.slow
def test_warning_is_seen_without_any_option() -> None:
    code = "from tests.test_utils.test_renamed_arguments import paint\nexec('paint(colour=1)', dict(paint=paint))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert 'called "color" now' in done.stderr
