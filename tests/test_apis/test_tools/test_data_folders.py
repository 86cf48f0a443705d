# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from mmengine.config import Config

from mmluss.apis.tools.data_folders import read_from


def test_hooks_and_metrics_in_lists_read_from_the_other_folder():
    dataset = dict(type="ImageNetSDataset", data_root="data/A/")
    cfg = Config(
        dict(
            data_root="data/A",
            train_dataloader=dict(dataset=dataset),
            custom_hooks=[
                dict(type="PseudoLabelHook", saliency_root="data/A/saliency", dataloader=dict(dataset=dataset))
            ],
            test_evaluator=[
                dict(type="LUSSMetric", output_dir="data/A/out"),
                dict(type="IoUMetric", output_dir="data/AB"),
            ],
            train_pipeline=[dict(type="Load", folder="data/A/variable")],
        )
    )
    assert read_from(cfg, "/B") == 2
    assert cfg.train_dataloader.dataset.data_root == "/B"
    [hook] = cfg.custom_hooks
    assert (hook.saliency_root, hook.dataloader.dataset.data_root) == ("/B/saliency", "/B")
    assert [metric.output_dir for metric in cfg.test_evaluator] == ["/B/out", "data/AB"]
    # Variables of the file.
    assert cfg.data_root == "data/A" and cfg.train_pipeline[0].folder == "data/A/variable"
