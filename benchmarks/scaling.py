# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Images per second of training steps 1, 2.1 and 3 in two processes of one thread each, beside one such process.

The two are joined by gloo and take half of the batch each, with synchronized batch normalization, sums of gradients and
whatever else the step sums over all processes. The limit is one process with two threads. All train random pixels in
memory, as in ``training.py``, and take turns. On a machine with two free cores; more say nothing of two.

    python benchmarks/scaling.py --rounds 2 --json scaling.json
"""

import os
import socket
import tempfile
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from side_by_side import figures_row, report, take_turns
from step_cases import STEPS, crop_text, load_step, random_batch, train_by_runner
from training import CASES, WARM_UP, IterationClock, step_parser

from mmluss.apis.tools.cpu_processes import join_cpu_processes, leave_cpu_processes
from mmluss.apis.tools.tool_processes import call_in_process


def write_rate(config: str, images: int, size: int | None, iterations: int, threads: int, path: Path) -> None:
    """Images per second of all processes, written by the first."""
    torch.set_num_threads(threads)
    processes = int(os.environ.get("WORLD_SIZE", 1))
    cfg = load_step(config, images // processes, size)
    if processes > 1:
        cfg.launcher = "pytorch"
        join_cpu_processes(cfg.launcher)
    clock = IterationClock()
    train_by_runner(cfg, random_batch(cfg), WARM_UP + iterations, clock)
    if int(os.environ.get("RANK", 0)) == 0:
        path.write_text(repr(images * iterations / (clock.times[-1] - clock.times[WARM_UP - 1])))
    if processes > 1:
        leave_cpu_processes()


def rate_of(config: str, images: int, size: int | None, iterations: int, threads: int, processes: int) -> float:
    """Images per second in processes of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = dict(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(probe.getsockname()[1]), WORLD_SIZE=str(processes))
    ranks = [meeting | dict(RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(processes)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rate")
        arguments = (config, images, size, iterations, threads, path)
        call_in_process(f"{processes} processes", write_rate, arguments, environments=ranks)
        return float(path.read_text())


def main() -> None:
    args = step_parser(__doc__, iterations=6, rounds=1).parse_args()
    MMLogger.get_current_instance().setLevel("ERROR")
    rows = []
    for backbone in args.backbones:
        for step, config in zip(STEPS, CASES[backbone], strict=True):
            if step not in args.steps:
                continue
            cfg = load_step(config, args.images, args.size)
            images = cfg.train_dataloader.batch_size
            given = (config, images, args.size, args.iterations)
            sides = {
                side: lambda given=given, how=how: rate_of(*given, *how)
                for side, how in dict(ours=(1, 2), peer=(1, 1), limit=(2, 1)).items()
            }
            found = take_turns(sides, args.rounds, max)
            print(f"{backbone}, {step}: {found}", flush=True)
            names = dict(peer_is="one process, one thread", limit_is="one process, two threads")
            note = f"{images} images, {crop_text(cfg)}"
            rows.append(figures_row(f"{backbone}, {step}, two processes", "images/s", **found, **names, note=note))
    report(rows, "scaling", args.json)


if __name__ == "__main__":
    main()
