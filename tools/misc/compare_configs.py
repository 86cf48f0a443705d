# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Tell which configs build something else than those of another folder: after bases were moved, none should.

    git worktree add ../before HEAD~1
    python tools/misc/compare_configs.py ../before/configs configs

Configs with a file of the same name in both folders are read with all their bases. Free variables, which only help to
write a config, may differ; what a runner or a pipeline reads, with the order of hooks and transforms, may not.
"""

import argparse
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

RUNNER = frozenset(signature(Runner).parameters) | {
    "custom_imports",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "sync_bn",
    "tta_model",
    "tta_pipeline",
}
"""Settings that a runner or those who build it read."""


def built(path: Path) -> dict[str, Any]:
    """What a config says to whoever runs it, without the variables that it is written with."""
    cfg = Config.fromfile(path, import_custom_modules=False).to_dict()
    return {key: value for key, value in cfg.items() if key in RUNNER or path.parent.name == "pipelines"}


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """One line for each value that differs, named by its keys."""
    if isinstance(before, dict) and isinstance(after, dict):
        if "hooks" in where and list(before) != list(after):
            yield f"{where}: order {list(before)} -> {list(after)}"
        for key in before | after:
            yield from differences(before.get(key, "(none)"), after.get(key, "(none)"), f"{where}.{key}".lstrip("."))
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{where}.{index}")
    elif before != after:
        yield f"{where}: {before!r} -> {after!r}"


def compare(before: Path, after: Path) -> dict[str, list[str]]:
    """Differences by config, and the configs that one folder alone has."""
    paths = {
        root: {p.relative_to(root) for p in root.rglob("*.py") if "_base_" not in p.parts} for root in (before, after)
    }
    found = {str(path): ["is in one folder only"] for path in paths[before] ^ paths[after]}
    for path in sorted(paths[before] & paths[after]):
        lines = list(differences(built(before / path), built(after / path)))
        found |= {str(path): lines} if lines else {}
    return found


def main() -> None:
    """Print what differs; exits with 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="folder of configs as they were")
    parser.add_argument("after", type=Path, help="folder of configs as they are")
    args = parser.parse_args()
    for folder in (args.before, args.after):
        if not any(folder.rglob("*.py")):
            parser.error(f"no configs in {folder}")
    found = compare(args.before, args.after)
    for path, lines in found.items():
        print(path, *lines, sep="\n  ")
    print(f"{len(found)} configs differ")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
