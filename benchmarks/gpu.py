# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All that has to be measured on a GPU, in less than ten minutes: steps 1, 2.1 and 3, clustering, distance matching.

For the published configs of ResNet-18 and ResNet-50, with random pixels that are on the device:

* losses of our recipes against those of the CPU in single precision, before and after an iteration, with a tolerance
* images per second and peak memory of the plain recipe (single precision, contiguous memory, SGD without ``foreach``)
  and of ours (channels-last, LARC) in single precision, fp16, bf16 and, where it works, compiled; the limit is what
  the device's measured peak of matrix products would allow. Single precision is as torch has it by default: shorter
  mantissas in convolutions; its peak is measured with these, too
* breaks of the graph of the losses, and where an iteration of the runner makes the host wait for the device
* colors of a batch of crops, k-means and distance matching

Graphs are compiled last, as long as there is time (``--minutes``); what was left out is listed. With ``--device cpu``
everything runs at a tiny size, to see that nothing here is stale; those figures mean nothing.

    python benchmarks/gpu.py --json gpu.json
    python benchmarks/gpu.py --device cpu --backbones ResNet-18
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import faiss
import numpy as np
import torch
from distance_matching import HEIGHT, SETTINGS, WIDTH, matmul
from distance_matching import ours as our_matching
from gpu_steps import (
    COMPILED,
    PLAIN,
    RECIPES,
    Recipe,
    graph_break_row,
    loss_rows,
    operations,
    speed,
    wait,
    wait_row,
)
from mmengine.config import Config
from rich.console import Console
from rich.table import Table
from side_by_side import add_json_option, figures_row, report, seconds_of, take_turns, write_json
from step_cases import STEPS, crop_text, load_step
from torch import Tensor
from torchvision import transforms

from mmluss.clustering.kmeans import kmeans, normalize_rows
from mmluss.models import BatchColorDistortion

CASES = {
    "ResNet-18": (
        "pass/pass-pretrain_r18_8xb32-200e_imagenets50.py",
        "pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py",
        "pass/pass-finetune_r18_8xb32-20e_imagenets50.py",
    ),
    "ResNet-50": (
        "pass/pass-pretrain_r50_8xb32-100e_imagenets300.py",
        "pass/pass-pixel-attention_r50_8xb32-20e_imagenets300.py",
        "pass/pass-finetune_r50_8xb32-20e_imagenets300.py",
    ),
}
CHECKED_IMAGES = 8
ROUNDS = 20


class Measurement:
    """Collects rows until the time is up."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.device: str = args.device
        self.tiny = args.device == "cpu"
        self.backend = "eager" if self.tiny else "inductor"
        self.iterations = 1 if self.tiny else args.iterations
        self.end = time.monotonic() + 60 * args.minutes
        self.rows: list[dict] = []
        self.peaks: dict[torch.dtype, float] = {}

    def cases(self) -> list[tuple[str, str, str]]:
        """Name, step and config of what is trained."""
        return [
            (f"{backbone}, {step}", step, config)
            for backbone in self.args.backbones
            for step, config in zip(STEPS, CASES[backbone], strict=True)
            if step in self.args.steps
        ]

    def config(self, name: str, images: int | None = None) -> Config:
        return load_step(name, 4 if self.tiny else images or self.args.images, 48 if self.tiny else None)

    def attempt(self, title: str, work: Callable[[], list[dict]]) -> None:
        """Do a part if there is time; one that fails is a row that says so, and the others go on."""
        if time.monotonic() > self.end:
            self.rows.append(dict(kind="left out", work=title, reason=f"{self.args.minutes} minutes were over"))
            return
        started = time.monotonic()
        try:
            self.rows += work()
        except Exception as error:  # Whatever it is: time on a GPU is short, and the other parts can still be measured.
            self.rows.append(dict(kind="left out", work=title, reason=f"{type(error).__name__}: {error}"[:300]))
        print(f"{title}: {time.monotonic() - started:.0f} s", flush=True)
        write_json(self.rows, self.args.json)

    def peak_rows(self) -> list[dict]:
        """Measured peak of matrix products of each type."""
        rows = []
        side = 128 if self.tiny else 8192
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            one, other = (torch.randn(side, side, device=self.device).to(dtype) for _ in range(2))
            before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("high")
            seconds = self.fastest(lambda a=one, b=other: a @ b, 10)
            torch.set_float32_matmul_precision(before)
            self.peaks[dtype] = 2 * side**3 / seconds
            name = str(dtype).removeprefix("torch.")
            rows.append(dict(kind="peak", work=f"{side} x {side}, {name}", tflops=self.peaks[dtype] / 1e12))
        return rows

    def fastest(self, work: Callable[[], object], rounds: int) -> float:
        """Seconds of the fastest of some calls, the device's work included."""

        def run() -> None:
            work()
            wait(self.device)

        run()
        return min(seconds_of(run) for _ in range(rounds))

    def training_rows(self, work: str, cfg: Config, recipes: tuple[Recipe, ...]) -> list[dict]:
        """Speed and memory of a step by some recipes, beside that of the plain one."""
        count = operations(cfg, self.device)
        images = cfg.train_dataloader.batch_size
        plain = next((row["ours"] for row in self.rows if row["work"] == f"{work}, {PLAIN.name}"), None)
        rows = []
        for recipe in recipes:
            found = speed(cfg, recipe, self.device, self.iterations, self.backend)
            rate = images / found.pop("seconds")
            plain = rate if recipe is PLAIN else plain
            peak = self.peaks[recipe.dtype] / count * images
            rows.append(
                figures_row(
                    f"{work}, {recipe.name}",
                    "images/s",
                    rate,
                    None if recipe is PLAIN else plain,
                    peak,
                    peer_is="plain recipe",
                    limit_is="peak of products",
                    kind="training",
                    share_of_peak=rate / peak,
                    note=f"{images} images, {crop_text(cfg)}; {rate / peak:.1%} of the peak",
                    **found,
                )
            )
        return rows

    def color_rows(self) -> list[dict]:
        """Color distortion of a batch of crops on the device, beside torchvision's functions image by image."""
        images, side = (4, 48) if self.tiny else (64, 224)
        batch = torch.randint(0, 256, (images, 3, side, side), dtype=torch.uint8, device=self.device)
        ours = BatchColorDistortion()
        sides = dict(ours=partial(ours, batch), peer=partial(torchvision_colors, batch), limit=batch.float)
        timed = {name: partial(self.fastest, work, ROUNDS) for name, work in sides.items()}
        found = {name: 1000 * seconds for name, seconds in take_turns(timed, 1 if self.tiny else 3).items()}
        names = dict(peer_is="torchvision, image by image", limit_is="copied as float32", kind="colors")
        return [figures_row(f"colors of {images} crops of {side}", "ms", **found, **names)]

    def kmeans_rows(self) -> list[dict]:
        """k-means as step 2.2 does it, beside a plain one by torch on the device."""
        count, channels, clusters = (300, 16, 4) if self.tiny else (100_000, 512, 300)
        rows = normalize_rows(np.random.default_rng(0).standard_normal((count, channels), np.float32))
        on_device = torch.from_numpy(rows).to(self.device)
        sides = dict(
            ours=lambda: kmeans(rows, clusters, iterations=ROUNDS, restarts=1),
            peer=partial(torch_kmeans, on_device, clusters),
            limit=lambda: [on_device @ on_device[:clusters].T for _ in range(ROUNDS + 1)],
        )
        found = take_turns(
            {side: partial(self.fastest, work, 1) for side, work in sides.items()}, 1 if self.tiny else 2
        )
        title = f"k-means, {count:,} x {channels}, {clusters} clusters"
        names = dict(peer_is="torch, plain", limit_is="products alone", note=f"faiss sees {faiss.get_num_gpus()} GPUs")
        return [figures_row(title, "s", **found, **names, kind="clustering")]

    def matching_rows(self) -> list[dict]:
        """Distance matching of an image."""
        rows = []
        for setting, supports, channels, categories in SETTINGS[:1] if self.tiny else SETTINGS:
            features = torch.rand(channels, HEIGHT, WIDTH, device=self.device)
            vectors = torch.nn.functional.normalize(torch.rand(supports, channels, device=self.device), dim=1)
            labels = torch.randint(0, categories + 1, (supports,), device=self.device)
            ours, peer = (make(features, vectors, labels, categories + 1) for make in (our_matching, matmul))
            works = dict(ours=ours, peer=peer, limit=partial(products_of, features, vectors))
            sides = {side: partial(self.fastest, work, 1 if self.tiny else 10) for side, work in works.items()}
            found = {side: 1000 * seconds for side, seconds in take_turns(sides, 1 if self.tiny else 3).items()}
            same = float((ours().flatten() == peer().flatten()).float().mean())
            names = dict(peer_is="matmul + top-k", limit_is="products alone", note=f"{same:.2%} of labels the same")
            title = f"distance matching, {setting}, {supports} x {channels}"
            rows.append(figures_row(title, "ms", **found, **names, kind="matching", same_labels=same))
        return rows

    def run(self) -> list[dict]:
        self.attempt("peak of matrix products", self.peak_rows)
        for work, step, config in self.cases():
            cfg, checked = self.config(config), self.config(config, CHECKED_IMAGES)
            self.attempt(f"{work}: losses", partial(loss_rows, work, checked, self.device))
            self.attempt(f"{work}: speed", partial(self.training_rows, work, cfg, RECIPES))
            self.attempt(f"{work}: waits", lambda w=work, c=checked: [wait_row(w, c, self.device)])
            if step != "step 2.1":
                self.attempt(f"{work}: graph breaks", lambda w=work, c=checked: [graph_break_row(w, c, self.device)])
        self.attempt("colors", self.color_rows)
        self.attempt("k-means", self.kmeans_rows)
        self.attempt("distance matching", self.matching_rows)
        for work, step, config in self.cases():
            if step != "step 2.1":
                compiled = partial(self.training_rows, work, self.config(config), (COMPILED,))
                self.attempt(f"{work}: compiled", compiled)
        return self.rows


def products_of(features: Tensor, supports: Tensor) -> Tensor:
    return features.flatten(1).T @ supports.T


def torchvision_colors(batch: Tensor) -> list[Tensor]:
    """What ``ColorDistortion`` does by default, by torchvision's transforms on the device."""
    distort = transforms.Compose(
        [
            transforms.RandomApply([transforms.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
            transforms.RandomGrayscale(0.2),
            transforms.RandomApply([transforms.GaussianBlur(13, (0.1, 2.0))], 0.5),
        ]
    )
    return [distort(image) for image in batch]


def torch_kmeans(rows: Tensor, clusters: int) -> Tensor:
    """Lloyd's rounds as one would write them; an empty cluster stays where it was."""
    centroids = rows[:clusters].clone()
    for _ in range(ROUNDS):
        nearest = torch.cdist(rows, centroids).argmin(dim=1)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, rows)
        counts = torch.bincount(nearest, minlength=clusters)[:, None]
        centroids = torch.where(counts > 0, sums / counts.clamp_min(1), centroids)
    return torch.cdist(rows, centroids).argmin(dim=1)


def print_others(rows: list[dict]) -> None:
    """Tables of what has neither peer nor limit."""
    kinds = dict(peak="tflops", losses="difference", waits="an_iteration")
    kinds |= {"graph breaks": "count", "left out": "reason"}
    for kind, key in kinds.items():
        found = [row for row in rows if row["kind"] == kind]
        if not found:
            continue
        more = [name for name in ("recipe", "tolerance", "equal", "places", "reasons") if name in found[0]]
        table = Table("work", key.replace("_", " "), *more, title=kind)
        for row in found:
            values = [row.get(name) for name in (key, *more)]
            texts = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in values]
            table.add_row(row["work"], *texts)
        Console(width=180).print(table)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--backbones", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--images", type=int, help="of a batch (default: the config's)")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=8.5, help="nothing new is begun after these")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit(
            "No GPU here: nothing can be measured. --device cpu runs everything at a tiny size, to see that it runs."
        )
    if args.device == "cpu":
        # The runner takes a GPU where it sees one.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    else:
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    rows = Measurement(args).run()
    print_others(rows)
    report([row for row in rows if "unit" in row], "side by side", None)
    write_json(rows, args.json)
    if any(not row.get("equal", True) for row in rows):
        sys.exit("losses differ from the CPU's by more than the tolerance")


if __name__ == "__main__":
    main()
