# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The config that a checkpoint holds: read as data, and built of nothing but registered parts.

mmengine stores it as Python text and runs this text to read it. A checkpoint may come from anywhere.
"""

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import mmengine.registry
from mmengine.config import Config
from mmengine.registry import Registry, registry

_NOT_REGISTERED = re.compile(r"(\S+) is not in the \S+ registry")
_DTYPE = re.compile(r"[\w.]*")
_SHOWN = 80
_ONLY_REGISTERED = ContextVar("_ONLY_REGISTERED", default=False)


def stored_config(text: str, name: str | Path) -> Config:
    """Read a config as ``Config.dump`` writes it, without running it; ``custom_imports`` are not imported.

    Args:
        text: Assignments of numbers, strings, lists, tuples and dicts.
        name: The checkpoint, for the message.

    Raises:
        ValueError: If there is anything else in it.

    Example:
        >>> stored_config("model = dict(type='ResNet', depth=50)", "last.pth").model.depth
        50
    """
    try:
        return Config(dict(_assigned(statement) for statement in ast.parse(text).body))
    # Text from anywhere also makes the parser itself fail, in every way there is.
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"{name}: the config in this checkpoint is not plain data ({error}), and it is not run as a program. Give "
            "a checkpoint whose config mmengine has written."
        ) from error


@contextmanager
def registered_parts_only(name: str | Path) -> Iterator[None]:
    """Have mmengine build only what is registered by packages that are imported already, in this thread.

    By itself it takes ``type="os.system"`` for a function to call, and imports any module that a type begins with.

    Args:
        name: The checkpoint whose config is built, for the message.

    Raises:
        ValueError: If anything else is named.
    """
    _watch_registries()
    before = _ONLY_REGISTERED.set(True)
    try:
        yield
    except KeyError as error:
        found = _NOT_REGISTERED.search(str(error.args[0]))
        if found is None:
            raise
        raise ValueError(
            f"{name}: its config names {found[1]}, which is not registered. If it is yours, import "
            "the module that registers it first."
        ) from error
    finally:
        _ONLY_REGISTERED.reset(before)


@cache
def _watch_registries() -> None:
    """Let what mmengine's registries import and look up ask ``_ONLY_REGISTERED`` first."""
    import_anything, find_anything = registry.import_module, registry.get_object_from_string

    def import_part(name: str) -> ModuleType:
        if _ONLY_REGISTERED.get() and name.partition(".")[0] not in sys.modules:
            raise ImportError(f"{name} is of a package that is not imported")
        return import_anything(name)

    def find_part(name: str) -> Any:
        return _registered(name) if _ONLY_REGISTERED.get() else find_anything(name)

    registry.import_module, registry.get_object_from_string = import_part, find_part


def _registered(name: str) -> Any:
    """The registered part that is in this place of an imported module; None if there is none."""
    module, _, attribute = name.rpartition(".")
    found = getattr(sys.modules.get(module), attribute, None)
    roots = [value for value in vars(mmengine.registry).values() if isinstance(value, Registry)]
    return found if found is not None and any(_holds(root, found) for root in roots) else None


def _holds(parts: Registry, found: Any) -> bool:
    return any(part is found for part in parts.module_dict.values()) or any(
        _holds(child, found) for child in parts.children.values()
    )


def _assigned(statement: ast.stmt) -> tuple[str, Any]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, _value(value)
    raise _not_data(statement)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            # {**other} has a None among its keys.
            if None not in keys:
                return _settings(node, dict(zip(map(_value, filter(None, keys)), map(_value, values), strict=True)))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() | ast.Name() as operand):
            return -_value(operand)
        # mmengine writes float("inf") as inf.
        case ast.Name(id="inf" | "nan" as name):
            return float(name)
        # A dict in a dict, with keys that are no names of arguments, is written as dict({...}).
        case ast.Call(func=ast.Name(id="dict"), args=[] | [ast.Dict()] as given, keywords=keywords):
            named = {keyword.arg: _value(keyword.value) for keyword in keywords}
            if None not in named:
                return _settings(node, dict(*map(_value, given)) | named)
    raise _not_data(node)


def _settings(node: ast.expr, settings: dict[Any, Any]) -> dict[Any, Any]:
    dtype = settings.get("dtype", "")
    # mmpretrain evaluates the dtype of torchvision's transforms, and transformers runs code that it has downloaded.
    if (isinstance(dtype, str) and not _DTYPE.fullmatch(dtype)) or settings.get("trust_remote_code"):
        raise _not_data(node)
    return settings


def _not_data(node: ast.stmt | ast.expr) -> ValueError:
    return ValueError(f"line {node.lineno}: {textwrap.shorten(ast.unparse(node), _SHOWN)}")
