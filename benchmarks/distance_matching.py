# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Images per second of labeling with the nearest supports: ours beside a loop over pixels, a plain matmul, and faiss.

One image of 256 x 341 pixels, features of stride 32 enlarged 4 times: 1,408 positions. Every method runs in a process
of its own and gives the same labels (the share that differs by rounding is printed). ``MiB`` is the growth of the peak
memory over features and supports.

    python benchmarks/distance_matching.py --threads 2
    python benchmarks/distance_matching.py --device cuda
"""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmluss.models.distance_matching.distance_matching import knn_labels

HEIGHT, WIDTH = 8, 11
UPSAMPLING = 4
NEIGHBORS = 10
TEMPERATURE = 0.07
# Two labels an image of train-semi: (setting, supports, channels, categories).
SETTINGS = (("50, R18", 1000, 512, 50), ("300, R50", 6200, 2048, 300), ("919, R50", 19000, 2048, 919))
LOOP_PIXELS = 32


def queries(features: Tensor) -> Tensor:
    """Unit vectors (positions, C) of the enlarged map."""
    enlarged = F.interpolate(features[None], scale_factor=UPSAMPLING, mode="bilinear", align_corners=False)[0]
    return F.normalize(enlarged.flatten(1).T.contiguous(), dim=1)


def votes(cosines: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    weights = (cosines / TEMPERATURE).exp()
    return weights.new_zeros(len(weights), num_classes).scatter_add_(1, labels, weights).argmax(dim=1)


def pixel_loop(features: Tensor, supports: Tensor, labels: Tensor, num_classes: int) -> Callable[[], Tensor]:
    """Each pixel alone; a few of them, since all take too long."""

    def run() -> Tensor:
        result = []
        for query in queries(features)[:LOOP_PIXELS]:
            cosines, indices = (supports @ query).topk(NEIGHBORS)
            result.append(votes(cosines[None], labels[indices][None], num_classes))
        return torch.cat(result)

    return run


def matmul(features: Tensor, supports: Tensor, labels: Tensor, num_classes: int) -> Callable[[], Tensor]:
    """Enlarged features times supports, and top-k."""

    def run() -> Tensor:
        cosines, indices = (queries(features) @ supports.T).topk(NEIGHBORS, dim=1)
        return votes(cosines, labels[indices], num_classes)

    return run


def faiss_index(features: Tensor, supports: Tensor, labels: Tensor, num_classes: int) -> Callable[[], Tensor]:
    """faiss, exact search."""
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexFlatIP(supports.shape[1])
    index.add(supports.numpy())

    def run() -> Tensor:
        cosines, indices = index.search(queries(features).numpy(), NEIGHBORS)
        return votes(torch.from_numpy(cosines), labels[torch.from_numpy(indices)], num_classes)

    return run


def ours(features: Tensor, supports: Tensor, labels: Tensor, num_classes: int) -> Callable[[], Tensor]:
    """Similarities at the backbone's resolution, enlarged, and top-k."""
    return lambda: knn_labels(features, supports, labels, NEIGHBORS, TEMPERATURE, UPSAMPLING).flatten()


METHODS = {"loop over pixels": pixel_loop, "matmul + top-k": matmul, "faiss IndexFlatIP": faiss_index, "mmluss": ours}


def peak_mib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(
    method: str, num_supports: int, channels: int, num_categories: int, threads: int, device: str, repeats: int
) -> tuple[float, float, np.ndarray]:
    """Seconds an image, growth of the peak memory in MiB, labels."""
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(channels, HEIGHT, WIDTH, generator=generator).to(device)
    supports = torch.rand(num_supports, channels, generator=generator)
    supports = supports.div_(supports.norm(dim=1, keepdim=True)).to(device)
    labels = torch.randint(0, num_categories + 1, (num_supports,), generator=generator).to(device)
    before = peak_mib(device)
    run = METHODS[method](features, supports, labels, num_categories + 1)
    result = run()
    seconds = []
    for _ in range(repeats):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        result = run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    positions = HEIGHT * WIDTH * UPSAMPLING**2
    # The fastest round: other work on the machine can only add time.
    return min(seconds) * positions / len(result), peak_mib(device) - before, result.cpu().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    methods = [method for method in METHODS if args.device == "cpu" or method != "faiss IndexFlatIP"]
    print("| setting | supports | method | images/s | MiB | other labels |\n| --- | --- | --- | --- | --- | --- |")
    for setting, num_supports, channels, num_categories in SETTINGS:
        reference = None
        for method in methods[::-1]:
            # A process each: the peak memory of one method must not hide that of the next.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                settings = (method, num_supports, channels, num_categories, args.threads, args.device, args.repeats)
                seconds, mib, labels = pool.submit(measure, *settings).result()
            reference = labels if reference is None else reference
            differing = np.mean(labels != reference[: len(labels)])
            print(
                f"| {setting} | {num_supports} x {channels} | {method} | {1 / seconds:.2f} | {mib:.0f} | "
                f"{differing:.2%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
