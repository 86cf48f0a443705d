# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a training left in its work folder, and how a later step takes it up."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmluss.checkpoints.files import read_checkpoint
from mmluss.datasets.label_folder import read_label_manifest
from mmluss.utils.fingerprints import settings_fingerprint, weights_fingerprint

# Of a manifest of label maps: how fast they were made, not what they are.
_SPEED = ("seconds", "reused", "num_workers", "writers")


def training_records(folder: str | Path, newest_first: bool = False) -> Iterator[dict[str, Any]]:
    """Records that mmengine logged, those of all attempts of a resumed training.

    Args:
        folder: The work folder; one without logs has no records.
        newest_first: The order; by default the oldest record comes first.

    Yields:
        What was logged at once, such as ``dict(loss=1.5, step=20, ...)``. A line that is not written to its end is left
        out.
    """
    for log in sorted(Path(folder).glob("*/vis_data/scalars.json"), reverse=newest_first):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in reversed(lines) if newest_first else lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


def last_record(folder: str | Path, *keys: str) -> dict[str, Any] | None:
    """The newest record that has all of some keys, or None.

    Args:
        folder: The work folder.
        *keys: Names of values.
    """
    records = training_records(folder, newest_first=True)
    return next((record for record in records if all(key in record for key in keys)), None)


def last_checkpoint(folder: str | Path) -> Path:
    """The checkpoint that a training ended with; the work folder may have been moved since.

    Args:
        folder: The work folder.

    Raises:
        FileNotFoundError: If the training wrote none, or it is gone.
    """
    folder = Path(folder)
    pointer = folder / "last_checkpoint"
    if not pointer.is_file():
        raise FileNotFoundError(f"{folder} holds no finished training: last_checkpoint is not in it")
    checkpoint = folder / Path(pointer.read_text().strip()).name
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{checkpoint} is gone, with which the training in this folder ended")
    return checkpoint


def config_for_test(folder: str | Path) -> Config:
    """Config of a training for a test, which loads the checkpoint that it is given and nothing else.

    Args:
        folder: The work folder, with the ``config.py`` that was trained.
    """
    cfg = Config.fromfile(Path(folder, "config.py"))
    cfg.resume, cfg.load_from = False, None
    return cfg


def write_predictions_only(cfg: Config, output_dir: Path, split: str | None) -> None:
    """Have a test write label maps and score nothing.

    Args:
        cfg: Config with a ``test_dataloader``; changed in place.
        output_dir: Folder of the label maps.
        split: What is predicted, in place of the config's; None where the data have no splits.
    """
    dataset = cfg.test_dataloader.dataset
    dataset.label_root = False
    if split is not None:
        dataset.split = split
    cfg.test_evaluator = dict(type="LUSSMetric", format_only=True, output_dir=str(output_dir))


def checkpoint_fingerprint(checkpoint: str | Path) -> str:
    """Fingerprint of a checkpoint's weights: what a test depends on, which may change the names in the file.

    Args:
        checkpoint: A checkpoint that training wrote.
    """
    return weights_fingerprint(read_checkpoint(checkpoint)["state_dict"])


def labels_fingerprint(folder: str | Path) -> str:
    """Fingerprint of the label maps that step 2 wrote: of what they were made, and how many pixels have each label.

    It takes no look at the maps, of which there may be millions.

    Args:
        folder: The folder of step 2.
    """
    counted = {
        part: {name: value for name, value in content.items() if name not in _SPEED}
        if isinstance(content, dict)
        else content
        for part, content in read_label_manifest(folder).items()
    }
    return settings_fingerprint(counted)


def backbone_of(checkpoint: str | Path | None) -> dict[str, str] | None:
    """An ``init_cfg`` that starts a backbone from the one of a whole model.

    Args:
        checkpoint: Its checkpoint, whose weights of the backbone are named ``backbone.*``; None for no start.
    """
    return None if checkpoint is None else dict(type="Pretrained", checkpoint=str(checkpoint), prefix="backbone.")
