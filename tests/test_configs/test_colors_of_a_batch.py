# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The documented config that leaves the colors of crops to the model's device."""

import math
import re

from mmluss.datasets.transforms.color_distortion import ColorDistortion
from tests.helpers.small_runs import BATCH, CONFIGS, run, small_config

PAGE = CONFIGS.parent / "docs" / "many_gpus.md"


def test_the_documented_config_trains_with_colors_of_the_whole_batch(data_root, tmp_path, monkeypatch):
    [code] = [code for code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S) if "Batch" in code]
    config = tmp_path / "own.py"
    config.write_text(code)
    monkeypatch.chdir(tmp_path)
    draws = []
    draw = ColorDistortion.draw
    monkeypatch.setattr(ColorDistortion, "draw", lambda self: draws.append(draw(self)) or draws[-1])
    # Data are loaded in this process, so a worker's colors would be seen.
    monkeypatch.setattr(ColorDistortion, "transform", None)
    runner = run(small_config(str(config), data_root, tmp_path / "work"))
    assert math.isfinite(runner.message_hub.get_scalar("train/loss").current())
    assert len(draws) == 2 * BATCH and any(draws)
