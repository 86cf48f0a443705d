# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Rounds of self-training: the fine-tuned model labels the training images, and step 3 starts anew on these labels."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmluss.apis.steps.steps import StepResult
from mmluss.apis.steps.training_folder import checkpoint_fingerprint, write_predictions_only
from mmluss.apis.tools.mmseg_tools import write_config
from mmluss.clustering.label_writing import remove_half_written
from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.datasets.label_folder import PIXEL_LABELS
from mmluss.evaluation.folder import label_names
from mmluss.utils.atomic_files import read_json, write_json
from mmluss.utils.fingerprints import settings_fingerprint

AGREEMENT = "agreement.json"
AGREED = 0.9
"""Labels of two rounds that agree this well train as good a model again."""


def train_in_rounds(
    labels: StepResult,
    rounds: int,
    finetune: Callable[[int, StepResult], StepResult],
    relabel: Callable[[int, StepResult, StepResult], StepResult],
    draft: Callable[[int, StepResult], StepResult] | None = None,
) -> list[StepResult]:
    """Fine-tune on the labels of step 2, then again on those of each model before, until they no longer change.

    Args:
        labels: Step 2, with ``pixel_labels`` in its folder.
        rounds: How often step 3 is done at most, 1 or more.
        finetune: Does step 3; given the round's number and the step that wrote its labels.
        relabel: Labels the training images for a round; given its number, the model and the labels before. Its figures
            hold ``agreement``, see ``settle_labels``.
        draft: The same at less cost, for all rounds but the last, whose models only label. Labels that no longer change
            then make the next round the last one; without drafts they end the rounds.

    Returns:
        Step 3 of each round.
    """
    first = finetune if draft is None or rounds == 1 else draft
    finetuned = [first(1, labels)]
    for number in range(2, rounds + 1):
        labels = relabel(number, finetuned[-1], labels)
        settled = float(labels.figures["agreement"]) >= AGREED
        if settled and draft is None:
            break
        is_last = settled or number == rounds
        finetuned.append((finetune if draft is None or is_last else draft)(number, labels))
        if settled:
            break
    return finetuned


def relabel_images(
    cfg: Config, checkpoint: Path, before: Path, folder: Path, test: Callable[[list[Any]], None]
) -> None:
    """Label the training images with a fine-tuned model; done again, it begins anew.

    Args:
        cfg: Config that the model is tested with; it is changed.
        checkpoint: Its checkpoint.
        before: Folder of the step that labeled the images it was trained on.
        folder: Folder of the step; gets ``config.py``, ``pixel_labels`` and ``agreement.json``.
        test: Runs mmseg's test tool with these arguments.
    """
    remove_half_written(folder / PIXEL_LABELS)
    settings = settings_fingerprint(dict(model=cfg.get("model"), images=cfg.test_dataloader.dataset))
    write_predictions_only(cfg, folder / PIXEL_LABELS, cfg.train_dataloader.dataset.get("split"))
    test([write_config(cfg, folder), checkpoint, "--work-dir", folder])
    settle_labels(before, folder, checkpoint_fingerprint(checkpoint), settings)


def label_agreement(before: np.ndarray, after: np.ndarray) -> float:
    """Intersection over union of what is foreground with the same id in two label maps; 1 where both have none.

    Args:
        before: ``(H, W)`` integers, 0 = background.
        after: The same image's, of another model.

    Example:
        >>> label_agreement(np.array([[0, 1, 1, 2]]), np.array([[1, 1, 1, 3]]))
        0.5
    """
    union = int(np.count_nonzero((before > 0) | (after > 0)))
    return 1.0 if union == 0 else int(np.count_nonzero((before == after) & (before > 0))) / union


def settle_labels(before: Path, folder: Path, model: str, settings: str) -> None:
    """Compare the label maps in a step's folder with those before, and take those where the model finds nothing.

    What a model finds nothing in would teach the next one to find nothing, and so on. Writes ``agreement.json`` with
    the mean ``agreement`` and the number of images that are ``kept`` as they were, which agree wholly.

    Args:
        before: Folder of the step that labeled the images before.
        folder: Folder of the step; both have ``pixel_labels/CATEGORY/NAME.png``.
        model: Hash of the model that made the label maps, so that those of another model make another file.
        settings: Hash of how it was used, for the same reason.

    Raises:
        FileNotFoundError: If the step wrote no label maps.
        ValueError: If an image has no label map of before.
    """
    names = label_names(folder / PIXEL_LABELS)

    def settle(name: str) -> tuple[float, bool]:
        path = Path(PIXEL_LABELS, f"{name}.png")
        old, new = read_label_map(before / path), read_label_map(folder / path)
        keep = bool(old.any() and not new.any())
        if keep:
            write_label_map(folder / path, old)
            new = old
        return label_agreement(old, new), keep

    agreement, kept = 0.0, 0
    with ThreadPoolExecutor() as pool:
        for agrees, keeps in pool.map(settle, names):
            agreement, kept = agreement + agrees, kept + keeps
    content = dict(agreement=round(agreement / max(1, len(names)), 4), kept=kept, images=len(names))
    write_json(folder / AGREEMENT, content | dict(model=model, settings=settings))


def agreement_figures(folder: Path) -> dict[str, float | str]:
    """Key figures of a step that labeled the training images."""
    content = read_json(folder / AGREEMENT, ["agreement", "kept"])
    return {name: content[name] for name in ("agreement", "kept")}
