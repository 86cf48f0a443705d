# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Where photos lie on a flat map of their embeddings."""

import numpy as np

ROWS_TO_FIT = 20000


def embedding_map(embeddings: np.ndarray, seed: int = 0) -> np.ndarray:
    """The two principal components of embeddings, each stretched to 0..1 by rank-preserving clipping of outliers.

    Args:
        embeddings: ``(M, C)`` float16 or float32, M >= 1; an array or a memory map.
        seed: Seed of the choice of rows where there are more than ``ROWS_TO_FIT``, which the components are fitted to.

    Returns:
        ``(M, 2)`` float32 in 0..1; 0.5 where a component does not vary.
    """
    rows = np.arange(len(embeddings))
    if len(rows) > ROWS_TO_FIT:
        rows = np.sort(np.random.default_rng(seed).choice(rows, ROWS_TO_FIT, replace=False))
    fitted = np.asarray(embeddings[rows], np.float32)
    mean = fitted.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((fitted - mean).T)) if len(rows) > 1 else (None, np.eye(fitted.shape[1]))
    # The sign of a component is arbitrary: its largest weight is made positive.
    components = axes[:, ::-1][:, :2].astype(np.float32)
    components *= np.sign(components[np.abs(components).argmax(axis=0), [0, 1]])
    places = np.concatenate(
        [
            (np.asarray(part, np.float32) - mean) @ components
            for part in np.array_split(embeddings, -(-len(embeddings) // 65536))
        ]
    )
    low, high = np.quantile(places, [0.005, 0.995], axis=0)
    spread = high - low
    scaled = (np.clip(places, low, high) - low) / np.where(spread > 0, spread, 1)
    return np.where(spread > 0, scaled, 0.5).astype(np.float32)
