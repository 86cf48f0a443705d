# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The panel of a pipeline run: what its two models say about a few validation images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.apis import init_model
from mmseg.registry import DATASETS
from mmseg.structures import SegDataSample

from mmluss.datasets.label_codec import read_label_map
from mmluss.datasets.transforms.loading import read_stored_image
from mmluss.evaluation.matching import read_match
from mmluss.visualization.panel import PanelRow, draw_panel


@dataclass(frozen=True)
class TestedModel:
    """A model and the matching that its test found.

    Attributes:
        config: Config with a ``test_dataloader``.
        checkpoint: Its weights.
        match_file: ``match.json``: predicted id to true id.
    """

    config: Path
    checkpoint: Path
    match_file: Path


def draw_result_panel(labels: TestedModel, final: TestedModel, path: Path, num_images: int = 8, seed: int = 0) -> Path:
    """Write the panel of some validation images, each of another category as far as there are.

    Both have their own test pipeline, over the same images.

    Args:
        labels: The pixel-attention model with its centroids.
        final: The fine-tuned model.
        path: PNG to write.
        num_images: Number of rows.
        seed: Seed of the choice of images.
    """
    init_default_scope("mmseg")
    dataset, final_dataset = (
        DATASETS.build(Config.fromfile(model.config).test_dataloader.dataset) for model in (labels, final)
    )
    chosen = _one_of_each_category(dataset, num_images, seed)
    label_samples = _predict(labels, dataset, chosen)
    final_samples = _predict(final, final_dataset, chosen)
    num_categories = len(dataset.metainfo["classes"]) - 1
    label_match, final_match = (read_match(model.match_file, num_categories) for model in (labels, final))
    rows = []
    for index, label_sample, final_sample in zip(chosen, label_samples, final_samples, strict=True):
        info = dataset.get_data_info(index)
        rows.append(
            PanelRow(
                image=read_stored_image(info["img_path"]),
                truth=read_label_map(info["seg_map_path"]).astype(np.int64),
                attention=label_sample.foreground_score.data[0].cpu().numpy(),
                pixel_label=label_match[label_sample.pred_sem_seg.data[0].cpu().numpy()],
                prediction=final_match[final_sample.pred_sem_seg.data[0].cpu().numpy()],
            )
        )
    metainfo = dataset.metainfo
    return draw_panel(rows, metainfo.get("names", metainfo["classes"]), metainfo["palette"], path)


def _one_of_each_category(dataset: BaseDataset, num_images: int, seed: int) -> list[int]:
    order = np.random.default_rng(seed).permutation(len(dataset))
    categories = np.array([dataset.get_data_info(int(index))["category"] for index in order])
    turn = np.zeros(len(order), np.int64)
    for category in np.unique(categories):
        turn[categories == category] = np.arange((categories == category).sum())
    return [int(index) for index in order[np.lexsort((categories, turn))][:num_images]]


@torch.no_grad()
def _predict(tested: TestedModel, dataset: BaseDataset, chosen: list[int]) -> list[SegDataSample]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = init_model(str(tested.config), str(tested.checkpoint), device=device)
    return [model.test_step(pseudo_collate([dataset[index]]))[0] for index in chosen]
