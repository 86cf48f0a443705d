# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What ``mmluss discover`` can be told."""

from dataclasses import dataclass
from typing import Literal

from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.models.pixel_attention.foreground_score import RELATIVE_THRESHOLD

LARGEST_SEED = 2**32 - 1
"""That of numpy."""


@dataclass(frozen=True)
class DiscoverySettings:
    """What to discover and how.

    Attributes:
        clusters: How many kinds of things there are, 2 to 999, or "auto": by the eigengap of the photos' neighbor
            graph.
        threshold: Foreground threshold in 0..1 of scores that are stretched within each photo, or "otsu".
        quick: A first look in minutes: a quarter of the training.
        strict: Whether a photo that cannot be read ends the run.
        seed: Seed of everything.
        backbone: Config and checkpoint of a network that was trained elsewhere, in place of the embedded one.
        rounds: How often the last training is done at most, each time but the first on outlines of the model before; it
            ends when they hardly change. None: two, or one for a quick look.

    Raises:
        ValueError: If clusters, threshold or seed are out of range, or there is no round.
    """

    clusters: int | Literal["auto"] = "auto"
    threshold: float | Literal["otsu"] = RELATIVE_THRESHOLD
    quick: bool = False
    strict: bool = False
    seed: int = 0
    backbone: tuple[str, str] | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        if self.clusters != "auto" and (not isinstance(self.clusters, int) or not 2 <= self.clusters < IGNORE_INDEX):
            raise ValueError(f"clusters is a number from 2 to {IGNORE_INDEX - 1}, or 'auto', not {self.clusters!r}")
        if self.threshold != "otsu" and not 0 <= float(self.threshold) <= 1:
            raise ValueError(f"threshold is a number in 0..1 or 'otsu', not {self.threshold!r}")
        if self.rounds is not None and self.rounds < 1:
            raise ValueError(f"rounds is a number, 1 or more, not {self.rounds!r}")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed is a number from 0 to {LARGEST_SEED}, not {self.seed!r}")

    @property
    def most_rounds(self) -> int:
        """How often the last training is done at most."""
        return self.rounds or (1 if self.quick else 2)
