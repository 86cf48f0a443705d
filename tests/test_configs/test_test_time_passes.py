# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Every fine-tuned model can be tested with flips and scales (tools/test.py --tta) as its test pipeline goes on."""

import pytest
from mmengine.config import Config

from tests.helpers.small_runs import CONFIGS, leaf_configs

# Only fine-tuned models have probabilities to average.
FINE_TUNED = [name for name in leaf_configs() if Config.fromfile(CONFIGS / name).model.type == "LUSSSegmentor"]


@pytest.mark.parametrize("name", FINE_TUNED)
def test_passes_have_the_steps_of_the_test_pipeline(name):
    cfg = Config.fromfile(CONFIGS / name)
    assert cfg.tta_model == dict(type="LUSSTTAModel")
    steps = cfg.test_dataloader.dataset.pipeline
    load, passes = cfg.tta_pipeline
    resizes, *others = passes.transforms
    assert load == steps[0] and steps[1] in resizes and len({resize.scale for resize in resizes}) == 3
    flips = [step for step in others if step[0].type == "RandomFlip"]
    assert [[flip.prob for flip in step] for step in flips] == [[0, 1]]
    kept = [step[0] for step in others if step[0].type != "RandomFlip"]
    assert kept[:-1] == steps[2:-1]
    assert kept[-1] == dict(steps[-1], meta_keys=(*steps[-1].meta_keys, "flip", "flip_direction"))
