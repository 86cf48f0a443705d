# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Which stages of a long job are finished, and what they were made from."""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from mmengine import dist
from mmengine.dataset import BaseDataset
from torch import Tensor

from mmluss.utils.atomic_files import write_json


def weights_hash(state: dict[str, Tensor], leave_out: Iterable[str] = ()) -> str:
    """SHA-256 of the names and values of a state dict, whatever file or device they are in.

    Args:
        state: Tensors by name.
        leave_out: Names that play no part.
    """
    digest = hashlib.sha256()
    for name in sorted(set(state) - set(leave_out)):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def settings_hash(settings: dict[str, Any]) -> str:
    """SHA-256 of settings that JSON can hold; other values count by their ``repr``."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode()).hexdigest()


def data_hash(dataset: BaseDataset) -> str:
    """SHA-256 of a data set's images in their order: names, categories, and size and time of change of their files.

    Masks and saliency maps count, too.
    """
    digest = hashlib.sha256()
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        digest.update(f"{info['relative_path']}\t{info['category']}".encode())
        for file in ("img_path", "seg_map_path", "saliency_path"):
            if info.get(file) is not None:
                state = os.stat(info[file])
                digest.update(f"\t{file} {state.st_size} {state.st_mtime_ns}".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def pipeline_text(dataset: BaseDataset) -> str:
    """Transforms of a data set and their arguments as text, alike in every process."""
    parts = [f"{type(part).__name__} {sorted(vars(part).items())}" for part in dataset.pipeline.transforms]
    return re.sub(r" at 0x[0-9a-f]+", "", "\n".join(parts))


class StageRecord:
    """Finished stages in one JSON file: for each its key (a hash of all it was made from) and its result.

    All processes must call the methods together; the file is read and written by the first one.

    Args:
        path: The JSON file; it need not exist.

    Raises:
        ValueError: The file is not one that this class wrote.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        stages = self._read() if dist.is_main_process() else None
        shared = [stages]
        dist.broadcast_object_list(shared, src=0)
        self._stages: dict[str, dict[str, Any]] = shared[0]

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self.path.is_file():
            return {}
        try:
            stages = json.loads(self.path.read_text())
            if all({"key", "result"} <= set(stage) for stage in stages.values()):
                return stages
        except (ValueError, AttributeError, TypeError):
            pass
        raise ValueError(f"{self.path} is not a record of finished stages; delete it to start over")

    def result(self, stage: str, key: str) -> dict[str, Any] | None:
        """Result of a stage if it is finished and was made from the same things, else None."""
        entry = self._stages.get(stage)
        return entry["result"] if entry is not None and entry["key"] == key else None

    def known(self, stage: str) -> bool:
        """Whether a stage is finished, whatever it was made from."""
        return stage in self._stages

    def finish(self, stage: str, key: str, result: dict[str, Any]) -> None:
        """Note a finished stage, with a result that JSON can hold; waits for all processes."""
        dist.barrier()
        self._stages[stage] = dict(key=key, result=result)
        if dist.is_main_process():
            write_json(self.path, self._stages)

    def forget(self, stage: str) -> None:
        """Take a stage out of the record, before its files are changed; waits for all processes."""
        if self._stages.pop(stage, None) is not None and dist.is_main_process():
            write_json(self.path, self._stages)
        dist.barrier()
