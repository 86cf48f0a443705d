# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Support vectors of distance matching in a file that knows what they were made from."""

import os
import zipfile
from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger

from mmluss.clustering.stages import settings_hash, weights_hash
from mmluss.models import KNNSegmentor
from mmluss.utils.atomic_files import replace_file


def support_key(model: KNNSegmentor, data_infos: list[dict], dataset_settings: dict) -> str:
    """SHA-256 of all that supports depend on: weights, model settings, data set settings, and the files themselves.

    Args:
        model: Its backbone's weights and ``support_settings`` count.
        data_infos: Each has ``img_path`` and ``seg_map_path``; a file counts by name, size and time of change.
        dataset_settings: Config of the data set, with its pipeline.
    """
    files = [_file_state(info[name]) for info in data_infos for name in ("img_path", "seg_map_path")]
    return settings_hash(
        dict(
            weights=weights_hash(model.backbone.state_dict()),
            model=model.support_settings,
            dataset=dataset_settings,
            files=files,
        )
    )


def write_supports(path: str | Path, key: str, embeddings: np.ndarray, labels: np.ndarray) -> None:
    """Write supports in one piece.

    Args:
        path: An .npz file in an existing folder.
        key: See ``support_key``.
        embeddings: ``(M, C)`` float32.
        labels: ``(M,)`` int64.
    """
    with replace_file(path) as file:
        np.savez(file, key=np.array(key), embeddings=embeddings, labels=labels)


def read_supports(path: str | Path, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Supports of a file; None where it is missing, made from something else, or damaged (which is logged).

    Args:
        path: An .npz file.
        key: See ``support_key``.

    Returns:
        ``(M, C)`` float32 and ``(M,)`` int64.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return stored["embeddings"], stored["labels"]
            reason = "were made from another checkpoint, data set or setting"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = f"cannot be read ({error})"
    MMLogger.get_current_instance().info(f"the supports in {path} {reason}; they are made again")
    return None


def _file_state(path: str) -> tuple[str, int, int]:
    state = os.stat(path)
    return path, state.st_size, state.st_mtime_ns
