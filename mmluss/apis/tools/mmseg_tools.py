# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Run mmsegmentation's installed ``tools/train.py`` and ``tools/test.py`` on a config found by path or by name."""

import argparse
import difflib
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import mmseg
from mmengine.config import Config

import mmluss
from mmluss.apis.tools.cpu_processes import Launcher, join_cpu_processes, leave_cpu_processes
from mmluss.apis.tools.endings import one_line_endings
from mmluss.apis.tools.named_hooks import check_no_hook_twice
from mmluss.utils.atomic_files import replace_file

Tool = Literal["train", "test"]

CONFIG_SUFFIXES = (".py", ".json", ".yaml", ".yml")


def config_root() -> Path:
    """Folder of the configs that come with the package: packed into it, or beside it in a source tree."""
    package = Path(mmluss.__file__).resolve().parent
    packed = package / ".mim" / "configs"
    return packed if packed.is_dir() else package.parent / "configs"


def find_config(config: str, root: Path | None = None) -> Path:
    """Path of a config.

    Args:
        config: Path of a file, absolute or relative to the current folder; or the path below ``root`` or the
            mere file name of a config that comes with the package, with or without ``.py``.
        root: Folder searched by name. Default: ``config_root``.

    Raises:
        FileNotFoundError: There is no such file; the message names similar ones.
        ValueError: Several configs have this name.
    """
    if Path(config).is_file():
        return Path(config)
    root = root or config_root()
    known = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    known = {name: path for name, path in known.items() if path.suffix in CONFIG_SUFFIXES}
    wanted = Path(config).as_posix().removeprefix("configs/")
    names = {wanted, f"{wanted}.py"}
    found = [path for name, path in known.items() if name in names or path.name in names]
    if len(found) == 1:
        return found[0]
    if found:
        listing = "\n  ".join(path.relative_to(root).as_posix() for path in found)
        raise ValueError(f"Several configs in {root} are called '{config}'; give one of these:\n  {listing}")
    runnable = {path.stem: name for name, path in known.items() if not name.startswith("_base_")}
    similar = difflib.get_close_matches(Path(config).stem, runnable, n=3, cutoff=0.4)
    hint = "".join(f"\n  {runnable[stem]}" for stem in similar)
    raise FileNotFoundError(
        f"There is no config '{config}', neither at this path nor by this name in {root}."
        + (f" Similar ones:{hint}" if hint else "")
    )


def write_config(cfg: Config, folder: Path) -> Path:
    """Write ``config.py``, whole or not at all.

    Args:
        cfg: The config.
        folder: Its folder.

    Returns:
        The file.
    """
    path = folder / "config.py"
    with replace_file(path) as file:
        file.write(cfg.pretty_text.encode())
    return path


def run_mmseg_tool(tool: Tool, arguments: Sequence[str]) -> None:
    """Run one of mmsegmentation's tools as the main program.

    The config is the first argument, as mmsegmentation's own usage has it; with options before it, it is the first
    argument that ends like a config file. With a launcher and no GPU, the processes run on CPUs.

    Args:
        tool: ``"train"`` or ``"test"``.
        arguments: Command line after the program's name; the config may be a name for ``find_config``.

    Raises:
        SystemExit: The config or the tool is missing or a hook is in the config twice (message), the tool was stopped
            from outside (see ``one_line_endings``), or ended so.
    """
    script = Path(mmseg.__file__).resolve().parent / ".mim" / "tools" / f"{tool}.py"
    if not script.is_file():
        raise SystemExit(f"mmsegmentation's tools are missing ({script}): install its wheel, not its source tree.")
    arguments = list(arguments)
    position = _config_position(arguments)
    if position is not None:
        try:
            arguments[position] = str(find_config(arguments[position]))
            check_no_hook_twice(Config.fromfile(arguments[position]))
        except (FileNotFoundError, ValueError) as error:
            raise SystemExit(str(error)) from None
    joined = join_cpu_processes(_launcher(arguments))
    sys.argv[1:] = arguments
    again = "the same command with --resume goes on after the last checkpoint" if tool == "train" else "run it again"
    with one_line_endings(_work_dir(arguments), again):
        runpy.run_path(str(script), run_name="__main__")
    if joined:
        leave_cpu_processes()


def _work_dir(arguments: Sequence[str]) -> str:
    names = [argument.partition("=") for argument in arguments]
    given = [
        after or following
        for (name, _, after), following in zip(names, [*arguments[1:], ""], strict=True)
        if name == "--work-dir"
    ]
    return given[-1] if given else "work_dirs"


def _launcher(arguments: list[str]) -> Launcher:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--launcher", default="none")
    return parser.parse_known_args(arguments)[0].launcher


def _config_position(arguments: Sequence[str]) -> int | None:
    if arguments and not arguments[0].startswith("-"):
        return 0
    for position, argument in enumerate(arguments):
        if argument.endswith(CONFIG_SUFFIXES) and not argument.startswith("-") and "=" not in argument:
            return position
    return None
