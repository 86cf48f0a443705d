# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Cluster and label the training images with a checkpoint of step 2.1, as PseudoLabelHook does after training."""

import argparse
from pathlib import Path

from mmengine.config import Config, DictAction

from mmluss.apis.steps.label_run import build_label_run
from mmluss.apis.tools.cpu_processes import join_cpu_processes, leave_cpu_processes
from mmluss.apis.tools.endings import one_line_endings


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="configuration of step 2.1, with default_hooks.pseudo_labels")
    parser.add_argument("checkpoint", help="checkpoint of step 2.1")
    parser.add_argument("--work-dir", help="where the results go; by default work_dirs/CONFIG")
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help="set by the launcher; not used")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, help="changes to the configuration: KEY=VALUE")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    cfg.launcher = args.launcher
    joined = join_cpu_processes(args.launcher)
    work_dir = args.work_dir or cfg.get("work_dir") or f"work_dirs/{Path(args.config).stem}"
    try:
        runner, hook = build_label_run(cfg, args.checkpoint, work_dir)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    with one_line_endings(work_dir, "the same command goes on where it was"):
        hook.write_labels(runner)
    if joined:
        leave_cpu_processes()


if __name__ == "__main__":
    main()
