# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Run all steps of PASS: pretrain, pixel attention, clustering, pixel labels, fine-tune, test, and the controls.

Running it again goes on where it stopped; a step whose config, data or inputs changed starts anew.
"""

import argparse
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from mmengine.utils import mkdir_or_exist
from rich.console import Console
from rich.table import Table

from mmluss.apis import PASSPipeline


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="pipeline config, for example configs/pipelines/pass_*.py")
    parser.add_argument("--work-dir", help="folder for all results (default: work_dirs/<name of the config>)")
    parser.add_argument("--data-root", help="folder of the data set, in place of the config's")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, help="changes to the pipeline config, key=value")
    return parser.parse_args()


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


def main() -> None:
    """Run the pipeline and say where its results are."""
    args = parse_args()
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    work_dir = Path(args.work_dir or Path("work_dirs") / Path(args.config).stem)
    mkdir_or_exist(work_dir)
    MMLogger.get_instance("mmluss", log_file=str(work_dir / "pipeline.log"))
    pipeline = PASSPipeline(cfg, work_dir, args.data_root)
    report = pipeline.run()
    panel = pipeline.draw_panel()
    print_report(report, Console())
    with open(work_dir / "report.txt", "w", encoding="utf-8") as file:
        print_report(report, Console(file=file, width=120))
    print(f"Report: {work_dir / 'report.json'}, {work_dir / 'report.txt'}" + (f"; picture: {panel}" if panel else ""))


if __name__ == "__main__":
    main()
