# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Bad inputs as functions; what each of them raises stands in a table of messages."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from mmluss.apis.tools.mmseg_tools import config_root

MESSAGES = Path(__file__).parents[1] / "test_bad_inputs" / "messages.json"
"""Name of a bad input -> [type of the error or "warning", message].

ROOT stands for the test's folder, REPO for the project's.
"""

BadInput = Callable[[Path], object]


class Warnings(logging.Handler):
    """Keeps the warnings of the current logger."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def outcome(act: BadInput, root: Path) -> list[str]:
    """What a bad input leads to, as in the table: the error, or else the last warning in the log."""
    kept = Warnings()
    logger = MMLogger.get_current_instance()
    logger.addHandler(kept)
    try:
        act(root)
    # An error of any kind is compared with the one in the table.
    except (Exception, SystemExit) as error:
        return [type(error).__name__, _anywhere(str(error), root)]
    finally:
        logger.removeHandler(kept)
    if not kept.messages:
        pytest.fail("neither an error nor a warning")
    return ["warning", _anywhere(kept.messages[-1], root)]


def _anywhere(message: str, root: Path) -> str:
    return message.replace(str(root), "ROOT").replace(str(config_root().parent), "REPO")


def check(act: BadInput, root: Path) -> None:
    """Compare what a bad input leads to with the table."""
    expected = json.loads(MESSAGES.read_text(encoding="utf-8"))[act.__name__]
    assert outcome(act, root) == expected


def table(namespace: dict) -> pytest.MarkDecorator:
    """Parameters of a test: the public functions of a module that take ``root``."""
    acts = [
        value
        for name, value in namespace.items()
        if callable(value) and getattr(value, "__module__", "") == namespace["__name__"] and is_act(name, value)
    ]
    return pytest.mark.parametrize("act", acts, ids=[act.__name__ for act in acts])


def is_act(name: str, value: Callable) -> bool:
    arguments = value.__code__.co_varnames[: value.__code__.co_argcount] if hasattr(value, "__code__") else ()
    return arguments == ("root",) and not name.startswith(("_", "test_"))
