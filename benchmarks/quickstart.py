# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Seconds of each step of the quick start, without its controls.

Runs ``tools/run_pipeline.py`` on the mini data set into a temporary folder, as ``tools/quickstart.sh`` does once data
and start weights are there; they are made first where they are not. ``all`` is the whole command by the clock: the
steps, what starts them, and the picture and page at the end. There is no other implementation of these steps to be the
peer, and no limit: what decoding and the network take by themselves is in the tables of ``multi_crop.py``,
``training.py`` and ``pseudo_labels.py``.

    python benchmarks/quickstart.py --rounds 3 --json quickstart.json
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from side_by_side import add_json_option, figures_row, report, seconds_of

ROOT = Path(__file__).parents[1]
PIPELINE = "configs/pipelines/pass-sharp_efficientnet-lite0_mini-imagenets.py"
STEPS = {
    "1_pretrain": "step 1: pretraining",
    "2_pixel_attention": "step 2: pixel attention, clustering, label maps",
    "2_pixel_labels_test": "scores of the pixel labels",
    "3_finetune": "step 3: fine-tuning",
    "4_test": "step 4: inference and scores",
}


def run_tool(*arguments: object) -> None:
    subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, check=True)


def prepare(data: Path, weights: Path) -> None:
    """Data and start weights, made where they are not there."""
    if not (data / "train").is_dir():
        run_tool("tools/dataset_converters/mini_imagenets.py", data)
    if not weights.is_file():
        run_tool("tools/model_converters/efficientnet_lite0_to_mmluss.py", weights)


def run_pipeline(config: str, data: Path, weights: Path) -> tuple[float, dict]:
    """Seconds of the whole command, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--cfg-options", "controls=[]", f"warm_start={weights}"]
        command = ["tools/run_pipeline.py", config, "--work-dir", folder, "--data-root", data, *options]
        seconds = seconds_of(lambda: run_tool(*command))
        return seconds, json.loads(Path(folder, "report.json").read_text())


def rows_of(runs: Sequence[tuple[float, Mapping]]) -> list[dict]:
    """A row for each step and one for all of it: medians over the runs."""
    names = [step["name"] for step in runs[0][1]["steps"]]
    seconds = {
        name: statistics.median(
            next(step["seconds"] for step in report["steps"] if step["name"] == name) for _, report in runs
        )
        for name in names
    }
    rows = [figures_row(STEPS.get(name, name), "s", float(value)) for name, value in seconds.items()]
    miou = runs[0][1]["miou"].get("fine-tuned (step 4)")
    note = None if miou is None else f"mIoU {miou:.2f}"
    return [*rows, figures_row("all", "s", statistics.median(total for total, _ in runs), note=note)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=PIPELINE, help="pipeline config")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "mini_imagenets")
    parser.add_argument("--weights", type=Path, default=ROOT / "checkpoints" / "efficientnet-lite0_imagenet.pth")
    parser.add_argument("--rounds", type=int, default=1, help="the median counts")
    add_json_option(parser)
    args = parser.parse_args()
    data, weights = args.data.resolve(), args.weights.resolve()
    prepare(data, weights)
    runs = [run_pipeline(args.config, data, weights) for _ in range(args.rounds)]
    report(rows_of(runs), f"quick start, median of {args.rounds} runs", args.json)


if __name__ == "__main__":
    main()
