# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Arguments of the command ``mmluss``."""

import argparse
import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from rich.console import Console
from rich.progress import track

from mmluss.apis.discovery.discovery_settings import LARGEST_SEED
from mmluss.apis.segmenting.formats import ANNOTATION_FORMATS, MODEL_FORMATS, SAVED, Saved, check_saved
from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.models.pixel_attention.foreground_score import RELATIVE_THRESHOLD
from mmluss.version import __version__

_AGAIN = dict(discover="the same command goes on where it was")
_ANEW = "the same command begins anew"
Command = Callable[[argparse.Namespace, Console], None]


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line; ``run`` among what it gives is the function that does the work."""
    parser = argparse.ArgumentParser(prog="mmluss", description="Name and outline the things in unlabeled photos.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_discover(commands)
    check = _add(commands, "check", _check, "say which files of a folder would be used, without running anything")
    check.add_argument("photos", help="folder of photos")
    check.add_argument("--out", help="where to write skipped.csv; default: only shown")

    name = _add(commands, "name", _name, "bring the names in OUT/clusters.csv to the model and the report")
    name.add_argument("out", help="folder of results")

    _add_segment(commands)
    _add_exports(commands)
    for command in commands.choices.values():
        command.add_argument("--verbose", action="store_true", help="show everything that is printed")
    return parser


def _add_discover(commands: argparse._SubParsersAction) -> None:
    discover = _add(commands, "discover", _discover, "find the kinds of things in a folder of photos, and outline them")
    discover.add_argument("photos", help="folder of photos, in any sub-folders")
    discover.add_argument("--out", required=True, help="folder of results")
    discover.add_argument(
        "--clusters", default="auto", type=_clusters, help="kinds to find, 2 to 999, or auto; default: auto"
    )
    discover.add_argument(
        "--threshold",
        default=RELATIVE_THRESHOLD,
        type=_threshold,
        help="score from which a pixel counts as foreground, 0..1, or otsu; default: %(default)s",
    )
    discover.add_argument(
        "--rounds",
        type=_positive,
        help="how often the final model is trained at most, each time but the first on outlines of the one before; "
        "default: 2, with --quick 1",
    )
    discover.add_argument("--quick", action="store_true", help="a first look: a quarter of the training")
    discover.add_argument("--strict", action="store_true", help="stop if a file cannot be used")
    discover.add_argument(
        "--backbone",
        nargs=2,
        metavar=("CONFIG", "CHECKPOINT"),
        help="start from a network that was trained elsewhere; default: the EfficientNet-Lite0 that is "
        "installed with mmluss",
    )
    discover.add_argument(
        "--gpus",
        type=_positive,
        help="processes that train together, each on its GPU; default: all GPUs, or one process",
    )
    discover.add_argument("--seed", type=_seed, default=0, help="seed of all random numbers; default: %(default)s")


def _add_segment(commands: argparse._SubParsersAction) -> None:
    segment = _add(commands, "segment", _segment, "name and outline the things in new photos")
    segment.add_argument("model", help="folder of results, or a checkpoint")
    segment.add_argument("photos", help="photo, folder, or pattern in quotes")
    segment.add_argument("--out", required=True, help="where the results go")
    segment.add_argument(
        "--save",
        default="overlay,mask",
        type=_saved,
        help=f"some of {','.join(SAVED)}: outlines on the photo, ids, things cut out, names with scores; "
        "default: %(default)s",
    )
    segment.add_argument(
        "--workers", type=_positive, default=2, help="photos read and written at once; default: %(default)s"
    )
    segment.add_argument("--device", help="such as cpu or cuda:1; default: a GPU if there is one")


def _add_exports(commands: argparse._SubParsersAction) -> None:
    export = _add(commands, "export", _export, "write the labels of a run for annotation tools and training scripts")
    export.add_argument("run_folder", metavar="out", help="folder of results")
    export.add_argument("--format", required=True, choices=ANNOTATION_FORMATS, help="what the other program reads")
    export.add_argument("--to", help="folder to write to; default: OUT/export/FORMAT")

    model = _add(commands, "export-model", _export_model, "write the model as one file that runs without this package")
    model.add_argument("model", help="folder of results, or a checkpoint")
    model.add_argument("--format", required=True, choices=MODEL_FORMATS, help="kind of file")
    model.add_argument("--to", help="file to write; default: OUT/export/model.onnx or .pt, or beside the checkpoint")


def _add(commands: argparse._SubParsersAction, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(run=run)
    return command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; an error's reason is the last line on the screen.

    Args:
        arguments: Command line after the program's name; that of the process by default.

    Raises:
        SystemExit: With status 1 where the command failed; with ``--verbose`` the error itself goes on.
    """
    args = make_parser().parse_args(arguments)
    console = Console(stderr=True)
    if not args.verbose:
        _be_quiet()
    from mmluss.apis.tools.endings import one_line_endings

    try:
        with one_line_endings(getattr(args, "out", "") or ".", _AGAIN.get(args.command, _ANEW)):
            args.run(args, console)
    except (ValueError, OSError, RuntimeError) as error:
        if args.verbose:
            raise
        console.print(f"[red]mmluss {args.command} failed:[/red]", highlight=False)
        console.print(str(error), highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(1) from None


def _be_quiet() -> None:
    warnings.filterwarnings("ignore")
    from mmengine.logging import MMLogger

    MMLogger.get_instance("mmluss", log_level="ERROR").setLevel(logging.ERROR)
    logging.getLogger("mmengine").setLevel(logging.ERROR)


def _discover(args: argparse.Namespace, console: Console) -> None:
    from mmluss.apis.discovery.discovery import Discovery
    from mmluss.apis.discovery.discovery_settings import DiscoverySettings
    from mmluss.apis.discovery.run_results import finish_run
    from mmluss.apis.results.run_folder import RunFolder
    from mmluss.apis.steps.step_launcher import number_of_processes
    from mmluss.cli.tables import show_clusters, show_skipped

    backbone = None if args.backbone is None else tuple(args.backbone)
    settings = DiscoverySettings(
        args.clusters, args.threshold, args.quick, args.strict, args.seed, backbone, args.rounds
    )
    processes = number_of_processes(args.gpus)
    discovery = Discovery(args.photos, args.out, settings, console, args.verbose, processes)
    run = discovery.run()
    folder = RunFolder(discovery.out)
    table_before = finish_run(folder, _progress("looking at the result", console))
    discovery.remove_other_results(run)
    show_skipped(discovery.photos, discovery.out / "skipped.csv", console)
    show_clusters(folder, console)
    if table_before is not None:
        console.print(
            f"names went over to clusters that show the same things, if any; as you had written them: {table_before}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _check(args: argparse.Namespace, console: Console) -> None:
    from pathlib import Path

    from mmluss.cli.tables import show_skipped
    from mmluss.datasets.photos import list_photos

    found = list_photos(args.photos, progress=_progress("looking at the photos", console))
    table = Path(args.out, "skipped.csv") if args.out else None
    if table is not None:
        found.write_skipped(table)
    show_skipped(found, table, console, limit=None if table is None else 10)


def _name(args: argparse.Namespace, console: Console) -> None:
    from pathlib import Path

    from mmluss.apis.discovery.run_results import apply_names
    from mmluss.apis.results.run_folder import RunFolder
    from mmluss.cli.tables import show_clusters

    folder = RunFolder(Path(args.out))
    folder.check_steps()
    apply_names(folder)
    show_clusters(folder, console)


def _segment(args: argparse.Namespace, console: Console) -> None:
    from mmluss.apis.segmenting.segment_files import photos_to_segment, segment_files
    from mmluss.apis.segmenting.segmenter import Segmenter
    from mmluss.cli.tables import show_skipped

    photos = photos_to_segment(args.photos, leave_out=[args.out])
    segmenter = Segmenter(args.model, args.device)
    done = segment_files(segmenter, photos, args.out, args.save, args.workers, _progress("segmenting", console))
    show_skipped(done, None, console, limit=None)
    if not done.photos:
        first = done.skipped[0]
        raise ValueError(f"{args.photos}: nothing could be segmented, such as {first.path} ({first.reason})")
    console.print(
        f"{len(done.photos)} photos segmented; {', '.join(args.save)} in {args.out}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _export(args: argparse.Namespace, console: Console) -> None:
    from pathlib import Path

    from mmluss.apis.results.run_folder import RunFolder
    from mmluss.apis.segmenting.annotation_export import export_annotations, labeled_photos
    from mmluss.datasets.photos.listing import mark_results

    folder = RunFolder(Path(args.run_folder))
    folder.check_steps()
    names, photos = folder.names, folder.photos
    labeled = labeled_photos(folder.run["photos"], photos, folder.label_maps, names)
    watched = track(labeled, f"{'writing annotations':<28}", total=len(photos), console=console)
    target = Path(args.to) if args.to else folder.out / "export" / args.format
    if args.format == "masks":
        mark_results(target)
    written = export_annotations(watched, names, target, args.format)
    console.print(f"{len(photos)} photos: {written}", highlight=False, markup=False, soft_wrap=True)


def _export_model(args: argparse.Namespace, console: Console) -> None:
    from mmluss.apis.segmenting.model_export import TIMED_SIZE, export_model

    written = export_model(args.model, args.format, args.to)
    for missing in written.left_out:
        console.print(f"left out: {missing}", highlight=False, markup=False, soft_wrap=True)
    height, width = TIMED_SIZE
    console.print(
        f"{written.path}: {written.megabytes:.1f} MB, {written.milliseconds:.0f} ms for a photo of {width} x {height} "
        f"pixels on this CPU; labels as PyTorch's in {written.agreement:.2%} of the pixels or more",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _progress(title: str, console: Console) -> Callable[[Sequence[str]], Iterable[str]]:
    def progress(items: Sequence[str]) -> Iterator[str]:
        yield from track(items, f"{title:<28}", console=console)

    return progress


def _saved(text: str) -> tuple[Saved, ...]:
    try:
        return check_saved(kind.strip() for kind in text.split(",") if kind.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def _clusters(text: str) -> int | Literal["auto"]:
    if text != "auto" and not (text.isdecimal() and 1 < int(text) < IGNORE_INDEX):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 2 to {IGNORE_INDEX - 1} nor auto")
    return "auto" if text == "auto" else int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {LARGEST_SEED}")
    return int(text)


def _threshold(text: str) -> float | Literal["otsu"]:
    if text == "otsu":
        return "otsu"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number in 0..1 nor otsu")
    return value


if __name__ == "__main__":
    main()
