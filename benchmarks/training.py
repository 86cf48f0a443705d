# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Images per second of training steps 1, 2.1 and 3 on CPUs, beside a plain loop over the same model.

Ours is what a pipeline runs: mmengine's runner with model, normalization, optimizer and hooks of the config, in a
process that keeps the memory it once had. The plain loop trains the same model with the same losses in single precision
and contiguous memory by ``torch.optim.SGD`` without ``foreach``, in a process as the system starts it. The limit is the
backbone alone, forwards and, where it is trained, backwards, on images that are normalized already, in a process like
ours. All three are given the same random batch, which is in memory, and take turns; each figure comes from a process of
its own, after a few iterations that do not count. Where the CPU has instructions for bfloat16, there are also rows of
ours with ``--amp``, beside the same plain loop.

    python benchmarks/training.py --rounds 3 --json training.json
    python benchmarks/training.py --backbones ResNet-18 --steps "step 1" --images 32 --size 160
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from side_by_side import add_json_option, figures_row, report, take_turns
from step_cases import (
    STEPS,
    backbone_inputs,
    build_model,
    crop_text,
    load_step,
    losses_of,
    random_batch,
    train_by_runner,
)

from mmluss.apis.tools.tool_processes import call_in_process
from mmluss.engine.optimizers.mixed_precision import computes_in_bfloat16

CASES = {
    "ResNet-18": (
        "pass/pass-pretrain_r18_1xb64-40e_mini-imagenets.py",
        "pass/pass-pixel-attention_r18_1xb32-10e_mini-imagenets.py",
        "pass/pass-finetune_r18_1xb32-10e_mini-imagenets.py",
    ),
    "EfficientNet-Lite0": (
        "pass/pass-pretrain_efficientnet-lite0_1xb32-1e_mini-imagenets.py",
        "pass/pass-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets.py",
        "pass/pass-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py",
    ),
}
WARM_UP = 2


class IterationClock(Hook):
    """Seconds at the end of each iteration."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def after_train_iter(self, *args: object, **kwargs: object) -> None:
        self.times.append(time.perf_counter())


def ours(config: str, images: int | None, size: int | None, iterations: int, amp: bool = False) -> float:
    """Images per second of the runner."""
    cfg = load_step(config, images, size)
    if amp:
        cfg.optim_wrapper.type = "AmpOptimWrapper"
    clock = IterationClock()
    train_by_runner(cfg, random_batch(cfg), WARM_UP + iterations, clock)
    return cfg.train_dataloader.batch_size * iterations / (clock.times[-1] - clock.times[WARM_UP - 1])


def plain_loop(config: str, images: int | None, size: int | None, iterations: int) -> float:
    """Images per second of the loop that anybody would write first."""
    cfg = load_step(config, images, size)
    model, batch = build_model(cfg, channels_last=False), random_batch(cfg)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01, momentum=0.9, weight_decay=1e-6, foreach=False)

    def step() -> None:
        optimizer.zero_grad()
        losses_of(model, batch).backward()
        optimizer.step()

    return rate(step, cfg.train_dataloader.batch_size, iterations)


def backbone_alone(config: str, images: int | None, size: int | None, iterations: int) -> float:
    """Images per second of nothing but the backbone."""
    cfg = load_step(config, images, size)
    model = build_model(cfg)
    inputs = backbone_inputs(model, random_batch(cfg))
    trained = any(parameter.requires_grad for parameter in model.backbone.parameters())

    def step() -> None:
        with torch.set_grad_enabled(trained):
            maps = [feature_map for tensor in inputs for feature_map in model.backbone(tensor)]
        if trained:
            model.zero_grad()
            sum(feature_map.mean() for feature_map in maps if feature_map.requires_grad).backward()

    return rate(step, cfg.train_dataloader.batch_size, iterations)


def rate(step: Callable[[], None], images: int, iterations: int) -> float:
    for _ in range(WARM_UP):
        step()
    start = time.perf_counter()
    for _ in range(iterations):
        step()
    return images * iterations / (time.perf_counter() - start)


SIDES = dict(ours=ours, bfloat16=partial(ours, amp=True), peer=plain_loop, limit=backbone_alone)


def write_rate(side: str, arguments: tuple, path: Path) -> None:
    path.write_text(repr(SIDES[side](*arguments)))


def rate_of(side: str, arguments: tuple) -> float:
    """What a side measures in a process of its own, of the kind that belongs to it."""
    if side == "peer":
        return in_plain_process(SIDES[side], arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rate")
        call_in_process(f"{side} {arguments}", write_rate, (side, arguments, path))
        return float(path.read_text())


def in_plain_process(work: Callable[..., float], arguments: tuple) -> float:
    """What a function returns in a process whose environment says nothing of how memory is kept."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("MALLOC_")}
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(work, *arguments).result()
    finally:
        os.environ.update(kept)


def step_parser(text: str | None, iterations: int, rounds: int) -> argparse.ArgumentParser:
    """Options of what measures training steps.

    Args:
        text: What the script says of itself.
        iterations: That count, by default.
        rounds: By default.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--images", type=int, help="of a batch (default: the config's)")
    parser.add_argument("--size", type=int, help="side of the crops in pixels (default: the config's)")
    parser.add_argument("--iterations", type=int, default=iterations, help="that count")
    parser.add_argument("--rounds", type=int, default=rounds, help="the fastest one counts")
    add_json_option(parser)
    return parser


def main() -> None:
    args = step_parser(__doc__, iterations=8, rounds=3).parse_args()
    MMLogger.get_current_instance().setLevel("ERROR")
    measured = [side for side in SIDES if side != "bfloat16" or computes_in_bfloat16()]
    rows = []
    for backbone in args.backbones:
        for step, config in zip(STEPS, CASES[backbone], strict=True):
            if step not in args.steps:
                continue
            arguments = (config, args.images, args.size, args.iterations)
            sides = {side: lambda side=side, given=arguments: rate_of(side, given) for side in measured}
            found = take_turns(sides, args.rounds, max)
            cfg = load_step(*arguments[:3])
            names = dict(peer_is="plain loop", limit_is="backbone alone")
            note = f"{cfg.train_dataloader.batch_size} images, {crop_text(cfg)}"
            print(f"{backbone}, {step}: {found}", flush=True)
            bfloat16 = found.pop("bfloat16", None)
            rows.append(figures_row(f"{backbone}, {step}", "images/s", **found, **names, note=note))
            if bfloat16 is not None:
                found["ours"] = bfloat16
                rows.append(figures_row(f"{backbone}, {step}, bfloat16", "images/s", **found, **names, note=note))
    report(rows, "training", args.json)


if __name__ == "__main__":
    main()
