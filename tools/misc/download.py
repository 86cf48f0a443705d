# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Download published weights, centroids and masks, and check that they are what their names say.

Names are those of files, addresses, or configs; a config stands for its trained model (and centroids), with --start for
what its training starts from. Run it again after an interruption: it continues where it broke off. A file gets its name
only when it is whole: as long as the server announced, with the hash in its name if there is one, and a checkpoint,
centroids or masks of the kind that belong to its name.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from mmluss.checkpoints.published_files import (
    FileRole,
    PublishedFile,
    check_published_file,
    find_published_files,
    published_files,
)
from mmluss.utils.downloads import download
from mmluss.utils.fingerprints import file_fingerprint

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS_FOLDER, MASKS_FOLDER = Path("checkpoints"), Path("data")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="file name, config or address")
    parser.add_argument("--list", action="store_true", help="list all published files and what they are for")
    parser.add_argument("--start", action="store_true", help="of configs: what their training starts from")
    parser.add_argument(
        "--out", type=Path, help="folder (default: checkpoints, where the configs look; data for archives of masks)"
    )
    parser.add_argument("--ignore-hash", action="store_true", help="take a file whose hash is not the one in its name")
    parser.add_argument(
        "--attempts", type=int, default=5, help="failed connections in a row before it gives up; default: %(default)s"
    )
    parser.add_argument(
        "--timeout", type=float, default=30, help="seconds without a byte that count as a failure; default: %(default)s"
    )
    args = parser.parse_args(argv)
    if not args.names and not args.list:
        parser.error("name a file, a config or an address; --list shows what there is")
    return args


def list_files(files: list[PublishedFile], console: Console) -> None:
    """Print what each file is, where it is, and which configs it belongs to, one of them a line."""
    for file in files:
        console.print(f"{file.name}: {file.role.value}", style="bold", highlight=False, markup=False, soft_wrap=True)
        for line in (file.address, *file.configs):
            console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)


def fetch(file: PublishedFile, path: Path, progress: Progress, args: argparse.Namespace) -> str:
    """Download a file unless it is there.

    Returns:
        What it is, in words.

    Raises:
        ValueError: If what is there, or what came, is another file.
        OSError: If the server or the disk does not do its part.
    """
    if path.is_file():
        try:
            return f"{check_published_file(path, file)}, was there"
        except ValueError as error:
            raise ValueError(f"{path} is there already, and is not this file ({error}); move it away") from error
    kinds: list[str] = []
    task = progress.add_task(file.name, total=None)
    download(
        file.address,
        path,
        check=lambda part: kinds.append(check_published_file(part, file)),
        progress=lambda done, size: progress.update(task, completed=done, total=size),
        attempts=args.attempts,
        timeout=args.timeout,
        named_hash=not args.ignore_hash,
    )
    return kinds[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Download all files named; 1 if one of them could not be had, else 0."""
    args = parse_args(argv)
    console, errors = Console(), Console(stderr=True, soft_wrap=True)
    known = published_files(ROOT)
    if args.list:
        list_files(known, console)
    try:
        wanted = [file for name in args.names for file in find_published_files(name, known, args.start)]
    except ValueError as error:
        errors.print(f"error: {error}", style="red", markup=False)
        return 1
    table, failed = Table("file", "MB", "SHA-256", "what it is"), False
    for column in table.columns:
        column.overflow = "fold"
    live = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *live, console=console) as progress:
        for file in dict.fromkeys(wanted):
            folder = args.out or (MASKS_FOLDER if file.role is FileRole.MASKS else WEIGHTS_FOLDER)
            try:
                kind = fetch(file, folder / file.name, progress, args)
            except (OSError, ValueError) as error:
                progress.console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
                failed = True
                continue
            path = folder / file.name
            table.add_row(str(path), f"{path.stat().st_size / 1e6:.1f}", file_fingerprint(path), kind)
    if table.row_count:
        console.print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
