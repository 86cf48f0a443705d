# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import DataLoader, Dataset

import mmluss  # noqa: F401


class Images(Dataset):
    def __init__(self):
        self.metainfo = dict(classes=("other", "a", "b"))

    def __len__(self):
        return 2

    def __getitem__(self, index):
        labels = torch.zeros(1, 8, 8, dtype=torch.int64)
        labels[:, 2:6, 2:6] = index + 1
        return dict(data_samples=SegDataSample(gt_sem_seg=PixelData(data=labels)))


class Swapped(BaseModel):
    def forward(self, data_samples, mode):
        swap = torch.tensor([0, 2, 1])
        for sample in data_samples:
            sample.pred_sem_seg = PixelData(data=swap[sample.gt_sem_seg.data])
        return data_samples


def evaluate(work_dir, **evaluator):
    loader = DataLoader(Images(), collate_fn=lambda batch: dict(data_samples=[data["data_samples"] for data in batch]))
    runner = Runner(
        Swapped(),
        work_dir=str(work_dir),
        default_scope="mmseg",
        default_hooks=dict(score_files=dict(type="ScoreFilesHook")),
        test_dataloader=loader,
        test_cfg={},
        test_evaluator=dict(type="LUSSMetric", boundaries=False, **evaluator),
    )
    return runner.test()


def test_a_test_leaves_its_matching_for_another(tmp_path):
    assert evaluate(tmp_path / "val")["mIoU"] == pytest.approx(100)
    assert json.loads((tmp_path / "val" / "match.json").read_text()) == {"1": 2, "2": 1, "0": 0}
    assert json.loads((tmp_path / "val" / "scores.json").read_text())["scores"]["mIoU"] == pytest.approx(100)
    matching = str(tmp_path / "val" / "match.json")
    assert evaluate(tmp_path / "test", matching=matching)["mIoU"] == pytest.approx(100)
    assert (tmp_path / "test" / "scores.json").is_file()
    assert not (tmp_path / "test" / "match.json").exists()


@pytest.mark.parametrize("matching", ["identity", "majority"])
def test_files_of_the_config_stay(tmp_path, matching):
    evaluate(tmp_path / "work", matching=matching, match_file=str(tmp_path / "m.json"), scores_file=str(tmp_path / "s"))
    assert (tmp_path / "m.json").is_file() and (tmp_path / "s").is_file()
    assert not list((tmp_path / "work").glob("*.json"))
    assert np.isfinite(json.loads((tmp_path / "s").read_text())["scores"]["mIoU"])
