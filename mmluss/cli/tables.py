# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Short tables at the end of a command."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mmluss.apis.results.run_folder import RunFolder
from mmluss.datasets.photos import PhotoList


def show_skipped(photos: PhotoList, table: Path | None, console: Console, limit: int | None = 10) -> None:
    """Say how many photos count, and which files do not.

    Args:
        photos: What was found.
        table: File with all that were left out, or None.
        console: Where it is shown.
        limit: Files shown at most; None for all.
    """
    console.print(f"{len(photos.photos)} photos, {len(photos.skipped)} files left out", highlight=False)
    shown = photos.skipped if limit is None else photos.skipped[:limit]
    for file in shown:
        console.print(f"  left out: {file.path} ({file.reason})", highlight=False, markup=False, soft_wrap=True)
    if len(shown) < len(photos.skipped):
        console.print(
            f"  ... and {len(photos.skipped) - len(shown)} more in {table}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def show_clusters(folder: RunFolder, console: Console) -> None:
    """Show the clusters of a finished run and where its results are."""
    names, table = folder.names, folder.table()
    shares = table.shares()
    rows = Table("id", "name", "photos", "share of pixels", title="Clusters")
    for index in range(1, len(names.names)):
        target = int(names.targets[index])
        name = escape(names.names[index]) + (
            "" if target == index else f" [dim](as {escape(names.names[target])})[/dim]"
        )
        rows.add_row(str(index), name, str(int((table.cluster == index).sum())), f"{shares[index]:.1%}")
    console.print(rows)
    for text, path in (
        ("report", folder.out / "report" / "index.html"),
        ("names to edit, then `mmluss name`", folder.names_file),
        ("label maps", folder.out / "labels"),
        ("model", folder.out / "model.pth"),
    ):
        console.print(f"{text}: {path}", highlight=False, markup=False, soft_wrap=True)
