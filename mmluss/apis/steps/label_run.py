# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps 2.2 to 2.4 with a checkpoint of step 2.1, after and apart from its training."""

from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from mmluss.clustering.spectral import spectral_vectors, suggest_num_clusters
from mmluss.engine.hooks import PseudoLabelHook
from mmluss.utils.atomic_files import read_json, write_json

NEIGHBORS = 20
MOST_CLUSTERS = 100


def build_label_run(cfg: Config, checkpoint: str | Path, work_dir: str | Path) -> tuple[Runner, PseudoLabelHook]:
    """A runner that holds a checkpoint's weights, and the hook that labels with them.

    Args:
        cfg: Config of step 2.1, with ``default_hooks.pseudo_labels``.
        checkpoint: Checkpoint of step 2.1.
        work_dir: Where the results go.

    Raises:
        ValueError: If the config has no such hook, or several.
    """
    cfg.work_dir, cfg.load_from, cfg.resume = str(work_dir), str(checkpoint), False
    runner = Runner.from_cfg(cfg)
    # What it averaged are the checkpoint's weights; without a training it has no model to put aside.
    runner.hooks[:] = [hook for hook in runner.hooks if not isinstance(hook, EMAHook)]
    hooks = [hook for hook in runner.hooks if isinstance(hook, PseudoLabelHook)]
    if len(hooks) != 1:
        raise ValueError(f"{cfg.filename}: its hooks must hold one PseudoLabelHook, but hold {len(hooks)}")
    runner.load_or_resume()
    return runner, hooks[0]


def write_pseudo_labels(config: str, checkpoint: str, work_dir: str) -> None:
    """Cluster and label; the arguments are those of ``build_label_run``, with the config's path."""
    runner, hook = build_label_run(Config.fromfile(config), checkpoint, work_dir)
    hook.write_labels(runner)


def write_suggestion(config: str, checkpoint: str, work_dir: str) -> None:
    """Write ``clusters.json``: how many clusters the images fall into, by the eigengap of their neighbor graph.

    It holds ``num_clusters`` and, to draw, ``counts`` and ``gaps``: for each number of clusters, how much the next
    eigenvalue of the graph's normalized Laplacian is larger than the one before.
    """
    runner, hook = build_label_run(Config.fromfile(config), checkpoint, work_dir)
    rows = hook.label_run(runner).embeddings()
    most = min(MOST_CLUSTERS, len(rows) // 4)
    # More neighbors than a kind has photos would join kinds.
    neighbors = min(NEIGHBORS, max(5, len(rows) // 25))
    _, eigenvalues = spectral_vectors(rows, most, neighbors)
    suggested = suggest_num_clusters(eigenvalues)
    gaps = np.diff(eigenvalues)
    result = dict(num_clusters=suggested, counts=list(range(2, most + 1)), gaps=gaps[1:].round(6).tolist())
    write_json(Path(work_dir) / "clusters.json", result)


def read_suggestion(folder: str | Path) -> dict:
    """What ``write_suggestion`` wrote."""
    return read_json(Path(folder) / "clusters.json", ("num_clusters", "counts", "gaps"))
