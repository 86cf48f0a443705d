# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Run all steps of PASS: pretrain, pixel attention, clustering, pixel labels, fine-tune, test, and the controls.

Running it again goes on where it stopped; a step whose config, data or inputs changed starts anew.
"""

import argparse
import difflib
import inspect
import io
import logging
import sys
import warnings
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.utils import mkdir_or_exist
from rich.console import Console
from rich.table import Table

from mmluss.apis import PASSPipeline
from mmluss.apis.pipeline.result_panel import draw_result_panel
from mmluss.apis.steps.step_launcher import LAUNCHERS, StepLauncher, build_launcher
from mmluss.apis.steps.step_screen import StepScreen
from mmluss.apis.tools.endings import one_line_endings
from mmluss.apis.tools.mmseg_tools import find_config
from mmluss.evaluation.submission import Method
from mmluss.utils.atomic_files import replace_file

AGAIN = "the same command goes on where it was"
OPTIONAL_KEYS = (
    "warm_start",
    "protocol",
    "controls",
    "panel",
    "submission",
    "overrides",
    "num_clusters",
    "rounds",
    "draft",
)
FORMER_KEYS = ("num_categories",)
BELOW = {
    "overrides": ("pretrain", "pixel_attention", "finetune"),
    "panel": tuple(inspect.signature(draw_result_panel).parameters)[3:],
    "submission": tuple(Method.__dataclass_fields__),
}


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="pipeline config: a path, or the name of one that comes with mmluss")
    parser.add_argument("--work-dir", help="folder for all results (default: work_dirs/<name of the config>)")
    parser.add_argument("--data-root", help="folder of the data set, in place of the config's")
    parser.add_argument(
        "--launcher",
        choices=LAUNCHERS,
        default="none",
        help="pytorch: --gpus processes, or those of torchrun; slurm: those of srun (default: one process)",
    )
    parser.add_argument("--gpus", type=int, help="processes on this machine, with --launcher pytorch")
    parser.add_argument("--amp", action="store_true", help="mixed precision, as published; on CPUs in bfloat16")
    parser.add_argument("--verbose", action="store_true", help="show all that the steps print, not a line a step")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, help="changes to the pipeline config, key=value")
    return parser.parse_args()


def check_options(options: Mapping[str, Any], cfg: Config) -> None:
    """Refuse changes to keys that a pipeline config does not have; ``overrides`` take any.

    Args:
        options: Values by keys with dots between their levels.
        cfg: The pipeline config.

    Raises:
        ValueError: Names the first unknown key and the nearest known one, or a key that has keys below it, not a value.
    """
    known = {*cfg.keys(), *OPTIONAL_KEYS, *FORMER_KEYS}
    for option, value in options.items():
        key, _, rest = option.partition(".")
        _expect_known(key, known, option)
        if rest and key in BELOW:
            _expect_known(rest.partition(".")[0], BELOW[key], option, f"{key}.")
        elif key in BELOW and isinstance(value, str):
            raise ValueError(f"--cfg-options {key}={value}: name what to change below it, {key}.{BELOW[key][0]}=...")


def _expect_known(key: str, known: Iterable[str], option: str, prefix: str = "") -> None:
    known = sorted(known)
    if key in known:
        return
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    hint = f"did you mean '{prefix}{nearest[0]}'?" if nearest else f"known are {', '.join(known)}."
    raise ValueError(f"--cfg-options {option}: a pipeline config has no '{prefix}{key}'; {hint}")


def print_report(report: dict, console: Console) -> None:
    """Print the steps with their times and key figures, then the comparison."""
    steps = Table("step", "seconds", "key figures", title="Steps")
    for step in report["steps"]:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in step["figures"].items())
        steps.add_row(step["name"], f"{step['seconds']:.0f}", figures)
    console.print(steps)
    if report["miou"]:
        comparison = Table("", "mIoU", title=f"Validation ({report['protocol']})")
        for row, miou in report["miou"].items():
            comparison.add_row(row, f"{miou:.2f}")
        console.print(comparison)
    if "submission" in report:
        console.print(f"For the evaluation server: {report['submission']}", soft_wrap=True)


def use_mixed_precision(cfg: Config) -> None:
    """What ``--amp`` of mmsegmentation's train.py does, for all three steps."""
    wrapper = dict(type="AmpOptimWrapper", loss_scale="dynamic")
    cfg.merge_from_dict({f"overrides.{step}.optim_wrapper": wrapper for step in BELOW["overrides"]})


def run(args: argparse.Namespace, cfg: Config, work_dir: Path, launcher: StepLauncher) -> tuple[dict, Path | None, str]:
    """Run the pipeline; gives its report, the path of its panel, and where its page is or why there is none."""
    with nullcontext() if args.verbose else StepScreen(Console(stderr=True)) as screen:
        pipeline = PASSPipeline(cfg, work_dir, args.data_root, screen, launcher)
        report = pipeline.run()
    try:
        page = f"Page: {pipeline.write_page(report)}"
    except FileNotFoundError as error:
        # Embeddings are large, and some people delete them when the labels are there.
        page = f"No page: {error}"
    return report, pipeline.draw_panel(), page


def be_quiet(logger: MMLogger) -> None:
    """Let only errors through to the screen."""
    warnings.filterwarnings("ignore")
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.ERROR)


def main() -> None:
    """Run the pipeline that the command line names."""
    args = parse_args()
    try:
        path = find_config(args.config)
        cfg = Config.fromfile(path)
        check_options(args.cfg_options or {}, cfg)
        launcher = build_launcher(args.launcher, args.gpus)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from None
    if "num_clusters" in (args.cfg_options or {}):
        # What is typed counts, also where a config still uses the former name.
        cfg.pop("num_categories", None)
    cfg.merge_from_dict(args.cfg_options or {})
    if args.amp:
        use_mixed_precision(cfg)
    if not launcher.leads:
        if not args.verbose:
            be_quiet(MMLogger.get_instance("mmluss"))
        try:
            # Whoever starts processes ends them by SIGTERM, and theirs have to end too.
            with one_line_endings(".", AGAIN):
                launcher.follow()
        except RuntimeError as error:
            raise SystemExit(str(error)) from None
        return
    if launcher.total_processes > 1 and get_device() == "cpu":
        print(f"No GPU here: {launcher.total_processes} processes on CPUs, joined by gloo.", file=sys.stderr)
    work_dir = Path(args.work_dir or Path("work_dirs") / path.stem)
    mkdir_or_exist(work_dir)
    logger = MMLogger.get_instance("mmluss", log_file=str(work_dir / "pipeline.log"))
    if not args.verbose:
        be_quiet(logger)
    try:
        with one_line_endings(work_dir, AGAIN):
            report, panel, page = run(args, cfg, work_dir, launcher)
    except BaseException as error:
        launcher.finish(str(error) or type(error).__name__)
        if args.verbose or not isinstance(error, ValueError | OSError | RuntimeError):
            raise
        raise SystemExit(str(error)) from None
    launcher.finish()
    print_report(report, Console())
    text = io.StringIO()
    print_report(report, Console(file=text, width=120))
    with replace_file(work_dir / "report.txt") as file:
        file.write(text.getvalue().encode())
    print(f"Report: {work_dir / 'report.json'}, {work_dir / 'report.txt'}" + (f"; picture: {panel}" if panel else ""))
    print(page)


if __name__ == "__main__":
    main()
