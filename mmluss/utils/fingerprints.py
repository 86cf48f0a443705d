# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Fingerprints (SHA-256) of what results are made from: weights, settings, files, folders and data sets."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from mmengine import dist
from mmengine.dataset import BaseDataset
from torch import Tensor

from mmluss.utils.image_files import is_image

HashAlgorithm = Literal["sha256", "md5"]

_SAMPLES_OF_A_BLOCK = 1 << 14
_FILES_OF_A_SAMPLE = ("img_path", "seg_map_path", "saliency_path")


def weights_fingerprint(state: Mapping[str, Tensor], leave_out: Iterable[str] = ()) -> str:
    """Fingerprint of the names and values of a state dict, whatever file or device they are in.

    Args:
        state: Tensors by name.
        leave_out: Names that play no part.
    """
    digest = hashlib.sha256()
    for name in sorted(set(state) - set(leave_out)):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def settings_fingerprint(settings: Mapping[str, Any]) -> str:
    """Fingerprint of settings that JSON can hold; other values count by their ``repr``."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode()).hexdigest()


def file_fingerprint(path: str | Path, algorithm: HashAlgorithm = "sha256") -> str:
    """Fingerprint of a file's content in hex digits.

    Args:
        path: Local file.
        algorithm: What the digits are of.
    """
    with open(path, "rb") as file:
        digest = hashlib.new(algorithm)
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def file_state(path: str | Path) -> str:
    """Size and time of change of a file, as text: quick to read, and different once the file is another."""
    state = os.stat(path)
    return f"{state.st_size} {state.st_mtime_ns}"


def folder_fingerprint(path: str | Path, leave_out: str | Path | None = None) -> str:
    """Fingerprint of the names, sizes and times of change of all images and label maps below a folder.

    Linked folders and files count as what they lead to.

    Args:
        path: The folder.
        leave_out: A folder below it that does not count.

    Raises:
        FileNotFoundError: If the folder does not exist.
    """
    if not Path(path).is_dir():
        raise FileNotFoundError(f"{path} is not a folder: give the data set's folder with --data-root.")
    digest = hashlib.sha256()
    left_out = leave_out and os.path.realpath(leave_out)
    for folder, folders, names in os.walk(path, followlinks=True):
        folders[:] = sorted(name for name in folders if os.path.realpath(os.path.join(folder, name)) != left_out)
        inside = os.path.relpath(folder, path)
        prefix = "" if inside == os.curdir else inside + os.sep
        for name in filter(is_image, sorted(names)):
            state = file_state(os.path.join(folder, name))
            digest.update(f"{prefix}{name} {state}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def dataset_fingerprint(dataset: BaseDataset) -> str:
    """Fingerprint of a data set's samples in their order: names, categories, and the states of their files.

    Masks and saliency maps count, too. All processes take part, each with a share of the samples; the result does not
    depend on how many there are.
    """
    starts = range(0, len(dataset), _SAMPLES_OF_A_BLOCK)
    mine = [_block_fingerprint(dataset, start) for start in starts[dist.get_rank() :: dist.get_world_size()]]
    parts = dist.all_gather_object(mine)
    blocks = [parts[block % len(parts)][block // len(parts)] for block in range(len(starts))]
    return blocks[0] if len(blocks) == 1 else hashlib.sha256("".join(blocks).encode()).hexdigest()


def _block_fingerprint(dataset: BaseDataset, start: int) -> str:
    digest = hashlib.sha256()
    for index in range(start, min(start + _SAMPLES_OF_A_BLOCK, len(dataset))):
        info = dataset.get_data_info(index)
        digest.update(f"{info['relative_path']}\t{info['category']}".encode(errors="surrogateescape"))
        for file in _FILES_OF_A_SAMPLE:
            if info.get(file) is not None:
                digest.update(f"\t{file} {file_state(info[file])}".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def pipeline_text(dataset: BaseDataset) -> str:
    """Transforms of a data set and their arguments as text, alike in every process."""
    parts = [f"{type(part).__name__} {sorted(vars(part).items())}" for part in dataset.pipeline.transforms]
    return re.sub(r" at 0x[0-9a-f]+", "", "\n".join(parts))
