# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What ``gpu.py`` measures of the training steps: losses, speed and memory, graph breaks, waits for the device."""

import gc
import math
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from step_cases import build_model, random_batch, train_by_runner
from torch.utils.flop_counter import FlopCounterMode

WARM_UP = 3
WATCHED_ITERATIONS = 3
MOST_SKIPPED = 20
TOLERANCES = {torch.float32: 2e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}
"""By how much a loss may differ from the CPU's in single precision, relative to it."""


@dataclass(frozen=True)
class Recipe:
    """How a step is trained.

    Attributes:
        name: For the table.
        ours: Memory format and optimizer of ours, and the fastest convolution looked for; else contiguous memory and
            SGD without ``foreach``.
        dtype: What convolutions and products compute in.
        compiled: Whether ``torch.compile`` is given the losses.
    """

    name: str
    ours: bool
    dtype: torch.dtype = torch.float32
    compiled: bool = False


PLAIN = Recipe("float32, contiguous, plain SGD", False)
RECIPES = (
    PLAIN,
    Recipe("ours, float32", True),
    Recipe("ours, fp16", True, torch.float16),
    Recipe("ours, bf16", True, torch.bfloat16),
)
COMPILED = Recipe("ours, bf16, compiled", True, torch.bfloat16, compiled=True)


class Training:
    """A model with its optimizer and its batch on a device.

    Args:
        cfg: Of ``load_step``.
        recipe: How it is trained.
        device: Where.
        backend: Of ``torch.compile``.
    """

    def __init__(self, cfg: Config, recipe: Recipe, device: str, backend: str = "inductor") -> None:
        self.model = build_model(cfg, channels_last=recipe.ours, device=device)
        self.batch = random_batch(cfg, device)
        self.recipe = recipe
        self.device = device
        if recipe.ours:
            self.optimizer = build_optim_wrapper(self.model, cfg.optim_wrapper).optimizer
        else:
            trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
            self.optimizer = torch.optim.SGD(trained, lr=0.1, momentum=0.9, weight_decay=1e-6, foreach=False)
        # Gradients of half precision vanish without it.
        self.scaler = torch.amp.GradScaler(device, enabled=recipe.dtype is torch.float16)
        self.forward: Callable[..., dict] = self.model.forward
        if recipe.compiled:
            torch._dynamo.reset()
            self.forward = torch.compile(self.model.forward, backend=backend)

    def loss(self) -> torch.Tensor:
        """The loss of the batch."""
        enabled = self.recipe.dtype is not torch.float32
        with torch.autocast(self.device, self.recipe.dtype if enabled else None, enabled=enabled):
            data = self.model.data_preprocessor(self.batch, True)
            return self.model.parse_losses(self.forward(**data, mode="loss"))[0]

    def step(self) -> torch.Tensor:
        """One iteration; gives its loss."""
        self.optimizer.zero_grad()
        loss = self.loss()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach()

    def settle(self, iterations: int) -> torch.Tensor:
        """Some iterations, and more while the scaler skips them, as its scale starts too large.

        Args:
            iterations: The fewest.

        Returns:
            The loss of the first one.
        """
        losses = []
        scale = math.inf
        while len(losses) < iterations or (self.scaler.get_scale() < scale and len(losses) < MOST_SKIPPED):
            scale = self.scaler.get_scale()
            losses.append(self.step())
        return losses[0]


@contextmanager
def convolutions(recipe: Recipe) -> Iterator[None]:
    """Have cudnn look for the fastest convolutions, as our configs do, or not."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = recipe.ours
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def exact_products(device: str) -> Iterator[None]:
    """Single precision as it says: no shorter mantissas in convolutions and products."""
    if device == "cpu":
        yield
        return
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def wait(device: str) -> None:
    """Until the device is through with its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def two_losses(cfg: Config, recipe: Recipe, device: str) -> list[float]:
    """The loss of a batch, and that after an iteration on it by our optimizer."""
    training = Training(cfg, recipe, device)
    with exact_products(device):
        return [training.settle(1).item(), training.loss().item()]


def loss_rows(work: str, cfg: Config, device: str) -> list[dict]:
    """Whether the losses of each of our recipes are those of a CPU."""
    reference = two_losses(cfg, RECIPES[1], "cpu")
    rows = []
    for recipe in RECIPES[1:]:
        found = two_losses(cfg, recipe, device)
        # Unlike Python's, this maximum is NaN where a loss is.
        difference = float(np.max([abs(one - other) / abs(other) for one, other in zip(found, reference, strict=True)]))
        limit = TOLERANCES[recipe.dtype]
        rows.append(
            dict(
                kind="losses",
                work=work,
                recipe=recipe.name,
                losses=found,
                cpu_losses=reference,
                difference=difference,
                tolerance=limit,
                equal=difference <= limit,
            )
        )
    return rows


def speed(cfg: Config, recipe: Recipe, device: str, iterations: int, backend: str) -> dict[str, float | None]:
    """Seconds of an iteration and of the warm-up, and the peak memory in MiB."""
    release(device)
    started = time.perf_counter()
    with convolutions(recipe):
        training = Training(cfg, recipe, device, backend)
        training.settle(WARM_UP if device == "cuda" else 1)
        wait(device)
        warm_up = time.perf_counter() - started
        start = time.perf_counter()
        for _ in range(iterations):
            training.step()
        wait(device)
        seconds = (time.perf_counter() - start) / iterations
    mib = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None
    return dict(seconds=seconds, mib=mib, warm_up_seconds=warm_up)


def operations(cfg: Config, device: str) -> int:
    """Floating-point operations of the products and convolutions of an iteration."""
    training = Training(cfg, PLAIN, device)
    with FlopCounterMode(display=False) as counter:
        training.step()
    return counter.get_total_flops()


def graph_break_row(work: str, cfg: Config, device: str) -> dict:
    """Where ``torch.compile`` has to leave the graph of the losses; normalization is not part of it."""
    model = build_model(cfg, device=device)
    data = model.data_preprocessor(random_batch(cfg, device), True)
    # Asks once whether the queue is full.
    model(**data, mode="loss")
    torch._dynamo.reset()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch._dynamo.explain(lambda: model(**data, mode="loss"))()
    except Exception as error:  # Whatever a version of torch cannot do is a result, not an end.
        return dict(kind="graph breaks", work=work, count=None, reasons=[f"{type(error).__name__}: {error}"[:300]])
    reasons = Counter(str(reason.reason).strip().splitlines()[0][:200] for reason in found.break_reasons)
    return dict(kind="graph breaks", work=work, count=found.graph_break_count, reasons=dict(reasons.most_common(8)))


class WaitCounter(Hook):
    """Notes where the host waits for the device, in a few iterations after a warm-up."""

    def __init__(self) -> None:
        self.places: Counter[str] = Counter()
        self._recorder: warnings.catch_warnings | None = None
        self._warnings: list | None = None

    def after_train_iter(self, runner: object, batch_idx: int, *args: object, **kwargs: object) -> None:
        if batch_idx == WARM_UP - 1:
            self._recorder = warnings.catch_warnings(record=True)
            self._warnings = self._recorder.__enter__()
            warnings.simplefilter("always")
            _set_wait_warnings("warn")
        elif batch_idx == WARM_UP + WATCHED_ITERATIONS - 1 and self._recorder is not None:
            _set_wait_warnings("default")
            self._recorder.__exit__(None, None, None)
            self.places.update(
                f"{'/'.join(warning.filename.split('/')[-2:])}:{warning.lineno}"
                for warning in self._warnings or ()
                if "called a synchronizing" in str(warning.message)
            )


def _set_wait_warnings(mode: str) -> None:
    if torch.cuda.is_available():
        torch.cuda.set_sync_debug_mode(mode)


def wait_row(work: str, cfg: Config, device: str) -> dict:
    """How often, and where, an iteration of the runner waits for the device, hooks included; the batch is there."""
    counter = WaitCounter()
    try:
        train_by_runner(cfg, random_batch(cfg, device), WARM_UP + WATCHED_ITERATIONS, counter)
    finally:
        _set_wait_warnings("default")
    places = {place: count / WATCHED_ITERATIONS for place, count in counter.places.most_common()}
    return dict(kind="waits", work=work, an_iteration=sum(places.values()), places=places)


def release(device: str) -> None:
    """Give back the memory of what is not used any more, and look for a new peak."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
